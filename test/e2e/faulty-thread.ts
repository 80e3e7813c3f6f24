/** A proxy thread as it is, but that it does what a fault in its snapshot tells it. */

// oxlint-disable import/no-unassigned-import -- both listen to control, in this order
import './faults.ts'
import '../../src/proxy/thread.ts'
