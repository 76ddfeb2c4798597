/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_EXPLORER_ATOMICS_H
#define RINGBUS_TESTS_RACE_EXPLORER_ATOMICS_H

/*
 * Included by the compiler in front of the real code (-include): each atomic operation becomes a
 * point where the explorer may let another thread go on, and then does what it always did. The
 * code under test is the code that ships; only these names are ours.
 */

#include <stdatomic.h>
#include <stdbool.h>

/* A scheduling point; does nothing outside an exploration. */
void explorer_point(void);

/* Whether a weak compare-and-swap is to fail here although nobody interfered. */
bool explorer_fails(void);

#ifdef __clang__
#define EXPLORER_LOAD(p, order) __c11_atomic_load(p, order)
#define EXPLORER_STORE(p, v, order) __c11_atomic_store(p, v, order)
#define EXPLORER_EXCHANGE(p, v, order) __c11_atomic_exchange(p, v, order)
#define EXPLORER_ADD(p, v, order) __c11_atomic_fetch_add(p, v, order)
#define EXPLORER_SUB(p, v, order) __c11_atomic_fetch_sub(p, v, order)
#define EXPLORER_CAS(p, e, v, yes, no) __c11_atomic_compare_exchange_strong(p, e, v, yes, no)
#else
#define EXPLORER_LOAD(p, order) __atomic_load_n(p, order)
#define EXPLORER_STORE(p, v, order) __atomic_store_n(p, v, order)
#define EXPLORER_EXCHANGE(p, v, order) __atomic_exchange_n(p, v, order)
#define EXPLORER_ADD(p, v, order) __atomic_fetch_add(p, v, order)
#define EXPLORER_SUB(p, v, order) __atomic_fetch_sub(p, v, order)
#define EXPLORER_CAS(p, e, v, yes, no) __atomic_compare_exchange_n(p, e, v, false, yes, no)
#endif

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit

#define atomic_load_explicit(p, order) (explorer_point(), EXPLORER_LOAD(p, order))
#define atomic_store_explicit(p, v, order) (explorer_point(), EXPLORER_STORE(p, v, order))
#define atomic_exchange_explicit(p, v, order) (explorer_point(), EXPLORER_EXCHANGE(p, v, order))
#define atomic_fetch_add_explicit(p, v, order) (explorer_point(), EXPLORER_ADD(p, v, order))
#define atomic_fetch_sub_explicit(p, v, order) (explorer_point(), EXPLORER_SUB(p, v, order))
#define atomic_compare_exchange_strong_explicit(p, e, v, yes, no)                                  \
        (explorer_point(), EXPLORER_CAS(p, e, v, yes, no))
#define atomic_compare_exchange_weak_explicit(p, e, v, yes, no)                                    \
        (explorer_point(),                                                                         \
         explorer_fails() ? (*(e) = EXPLORER_LOAD(p, no), false) : EXPLORER_CAS(p, e, v, yes, no))

#endif
