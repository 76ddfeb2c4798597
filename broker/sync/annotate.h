/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_SYNC_ANNOTATE_H
#define RINGBUS_SYNC_ANNOTATE_H

/*
 * Tells ThreadSanitizer of orderings that it cannot see: the kernel's (a pointer handed through a
 * ring), userspace-rcu's (compiled without instrumentation). They are statements about the program,
 * not suppressions: each use names what provides the order. No-ops in other builds.
 */

#if defined(__SANITIZE_THREAD__)
#define RINGBUS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RINGBUS_TSAN 1
#endif
#endif
#ifndef RINGBUS_TSAN
#define RINGBUS_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define RINGBUS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGBUS_ASAN 1
#endif
#endif
#ifndef RINGBUS_ASAN
#define RINGBUS_ASAN 0
#endif

#if RINGBUS_TSAN
#include <sanitizer/tsan_interface.h>
#define ANNOTATE_RELEASE(address) __tsan_release((void *)(address))
#define ANNOTATE_ACQUIRE(address) __tsan_acquire((void *)(address))
#else
#define ANNOTATE_RELEASE(address) ((void)(address))
#define ANNOTATE_ACQUIRE(address) ((void)(address))
#endif

#endif
