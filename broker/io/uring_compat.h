/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_IO_URING_COMPAT_H
#define RINGBUS_IO_URING_COMPAT_H

/*
 * Kernel constants that Debian 12's liburing 2.3 does not know yet; the values are the kernel's
 * interface and never change. Whether the running kernel has them is probed.
 */

#include <liburing.h>

#ifndef IORING_FEAT_REG_REG_RING /* 6.3 */
#define IORING_FEAT_REG_REG_RING (1U << 13)
#endif
#ifndef IORING_FEAT_RECVSEND_BUNDLE /* 6.10 */
#define IORING_FEAT_RECVSEND_BUNDLE (1U << 14)
#endif
#ifndef IORING_FEAT_MIN_TIMEOUT /* 6.12 */
#define IORING_FEAT_MIN_TIMEOUT (1U << 15)
#endif
#ifndef IORING_FEAT_NO_IOWAIT /* 6.15 */
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif

#endif
