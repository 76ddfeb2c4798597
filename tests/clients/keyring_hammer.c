/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_hammer HOME MILLISECONDS: adds keys to the keyring of HOME, one every few ms, until the
 * time is up or it is killed. Its clock is wrong, by turns: 310 s slow, so that nobody uses its
 * keys for a challenge, and 425 s fast, so that all other keys have expired and go. So every server
 * that shares the keyring has to add keys all the time, too. Prints how many were added.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "auth/keyring.h"
#include "broker/base/clock.h"

enum { SLOW_S = -310, FAST_S = 425 };

static int64_t wrong_now_s(void *context)
{
        const int *skew_s = context;

        return time(NULL) + *skew_s;
}

int main(int argc, char **argv)
{
        int skew_s = SLOW_S;
        KeyringWorld world = keyring_world;
        Keyring ring = {.uid = geteuid(), .world = &world};
        unsigned n_added = 0;
        unsigned n_busy = 0;
        uint64_t end_ns;

        if (argc != 3)
                return 2;
        world.now_s = wrong_now_s;
        world.context = &skew_s;
        ring.home = argv[1];
        end_ns = clock_now_ns() + strtoull(argv[2], NULL, 10) * CLOCK_NS_PER_MS;
        while (clock_now_ns() < end_ns) {
                KeyringError error;
                KeyringKey key;
                int r;

                skew_s = (n_added + n_busy) % 4 == 3 ? FAST_S : SLOW_S;
                r = keyring_add(&ring, 0, &key, &error);
                if (r < 0 && r != -EBUSY) {
                        fprintf(stderr, "%s\n", error.text);
                        return 1;
                }
                n_added += r == 0;
                n_busy += r < 0;
                usleep(20000);
        }
        printf("%u\n", n_added);
        return 0;
}
