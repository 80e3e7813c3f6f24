/** A proxy thread as it is, but that it does what a fault in its snapshot tells it. */

import './faults.ts'
import '../../src/proxy/thread.ts'
