/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_RACE_WEAK_ATOMICS_H
#define RINGBUS_TESTS_RACE_WEAK_ATOMICS_H

/*
 * Included by the compiler in front of the real code (-include): each atomic operation becomes a
 * call of the weak-memory explorer (weak.h), with its memory orders and the function it is in. The
 * code under test is the code that ships; only these names are ours. There is no fence: one in the
 * code under test would be executed as itself, and tools/check-atomics forbids it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where an operation is, and on what. */
typedef struct WeakPlace {
        const char *function;
        void *address;
        size_t size;
} WeakPlace;

uint64_t weak_load(WeakPlace place, memory_order order);
void weak_store(WeakPlace place, uint64_t value, memory_order order);
uint64_t weak_exchange(WeakPlace place, uint64_t value, memory_order order);
uint64_t weak_add(WeakPlace place, uint64_t value, memory_order order);
uint64_t weak_subtract(WeakPlace place, uint64_t value, memory_order order);

/* `may_fail`: for no reason. `no`: the order of failing. */
typedef struct WeakSwap {
        void *expected;
        uint64_t wanted;
        memory_order yes, no;
        bool may_fail;
} WeakSwap;

bool weak_cas(WeakPlace place, WeakSwap swap);

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak_explicit

#define WEAK_PLACE(p) ((WeakPlace){__func__, (void *)(uintptr_t)(p), sizeof(*(p))})
#define WEAK_VALUE(v) ((uint64_t)(uintptr_t)(v))
/* The type of the object's values. */
#ifdef __clang__
#define WEAK_TYPE(p) __typeof__(__c11_atomic_load(p, __ATOMIC_RELAXED))
#else
#define WEAK_TYPE(p) __typeof__((void)0, *(p))
#endif

/* As an expression of that type whose value need not be used. */
#define WEAK_RESULT(p, result)                                                                     \
        __extension__({                                                                            \
                WEAK_TYPE(p) weak_result_ = (WEAK_TYPE(p))(uintptr_t)(result);                     \
                weak_result_;                                                                      \
        })

#define atomic_load_explicit(p, order) WEAK_RESULT(p, weak_load(WEAK_PLACE(p), order))
#define atomic_store_explicit(p, v, order) weak_store(WEAK_PLACE(p), WEAK_VALUE(v), order)
#define atomic_exchange_explicit(p, v, order)                                                      \
        WEAK_RESULT(p, weak_exchange(WEAK_PLACE(p), WEAK_VALUE(v), order))
#define atomic_fetch_add_explicit(p, v, order)                                                     \
        WEAK_RESULT(p, weak_add(WEAK_PLACE(p), WEAK_VALUE(v), order))
#define atomic_fetch_sub_explicit(p, v, order)                                                     \
        WEAK_RESULT(p, weak_subtract(WEAK_PLACE(p), WEAK_VALUE(v), order))
#define atomic_compare_exchange_strong_explicit(p, e, v, yes, no)                                  \
        weak_cas(WEAK_PLACE(p), (WeakSwap){(e), WEAK_VALUE(v), yes, no, false})
#define atomic_compare_exchange_weak_explicit(p, e, v, yes, no)                                    \
        weak_cas(WEAK_PLACE(p), (WeakSwap){(e), WEAK_VALUE(v), yes, no, true})

#endif
