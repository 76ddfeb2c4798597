/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/link.h"

enum {
        READY_MS = 120000,
        HALF_BODY = 65536,
};

const char *attack_name(AttackKind kind)
{
        static const char *const names[] = {
#define ATTACK_NAME(kind, name, text) name,
                ATTACK_LIST(ATTACK_NAME)
#undef ATTACK_NAME
        };

        return names[kind];
}

const char *attack_text(AttackKind kind)
{
        static const char *const texts[] = {
#define ATTACK_TEXT(kind, name, text) text,
                ATTACK_LIST(ATTACK_TEXT)
#undef ATTACK_TEXT
        };

        return texts[kind];
}

static int wait_until_ready(const Attack *attack, unsigned n)
{
        for (unsigned waited = 0; waited < READY_MS; waited += 5) {
                if (atomic_load(&attack->shared->ready) >= n)
                        return 0;
                if (!process_is_alive(&attack->process) &&
                    !(attack->process.pid == 0 && process_is_alive(&attack->reader)))
                        break;
                process_sleep_ms(5);
        }
        fprintf(stderr, "attack '%s' did not begin\n", attack_name(attack->shared->kind));
        return -1;
}

int attack_start(Attack *attack, AttackKind kind, const char *address, unsigned n_flooders,
                 unsigned n_victims)
{
        unsigned n_ready = 1;
        int r = 0;

        *attack = (Attack){.shared = process_share(sizeof(AttackShared))};
        attack->shared->kind = kind;
        attack->shared->n_flooders = n_flooders;
        attack->shared->n_victims = n_victims;
        snprintf(attack->shared->address, sizeof(attack->shared->address), "%s", address);
        if (kind == ATTACK_FLOOD) {
                r = process_start(&attack->reader, attack_reader_run, attack->shared);
                if (r == 0)
                        r = wait_until_ready(attack, n_ready++);
        }
        if (r == 0)
                r = process_start(&attack->process,
                                  kind == ATTACK_HALVES ? attack_halves_run : attack_flood_run,
                                  attack->shared);
        if (r == 0)
                r = wait_until_ready(attack, n_ready);
        if (r < 0) {
                attack_stop(attack);
                attack_deinit(attack);
        }
        return r;
}

void attack_stop(Attack *attack)
{
        process_kill(&attack->process);
        process_kill(&attack->reader);
}

void attack_deinit(Attack *attack)
{
        if (attack->shared)
                process_unshare(attack->shared, sizeof(*attack->shared));
        attack->shared = NULL;
}

/* The whole header, and half of the body. */
static int send_half(Link *link, const Marshal *message)
{
        link_queue(link, message->data, message->size - HALF_BODY / 2);
        return link_flush(link);
}

static void build_half(Marshal *message)
{
        const RawHeader signal = {.type = RAWMESSAGE_SIGNAL,
                                  .serial = 1,
                                  .path = "/t",
                                  .interface = "t.Load",
                                  .member = "Half",
                                  .signature = "s"};
        char *text = malloc(HALF_BODY);

        if (!text)
                abort();
        memset(text, 'x', HALF_BODY - 1);
        text[HALF_BODY - 1] = '\0';
        marshal_init(message, false);
        rawmessage_build_values(&signal, message, text);
        free(text);
}

int attack_halves_run(void *context)
{
        AttackShared *shared = context;
        Link *links = calloc(shared->n_victims, sizeof(*links));
        Marshal message;

        if (!links)
                return 1;
        build_half(&message);
        for (unsigned i = 0; i < shared->n_victims; i++) {
                int r = link_open(&links[i], shared->address, NULL);

                if (r >= 0)
                        r = send_half(&links[i], &message);
                if (r < 0) {
                        fprintf(stderr, "attack 'halves': connection %u: %s\n", i, strerror(-r));
                        return 1;
                }
                atomic_fetch_add(&shared->n_sent, 1);
        }
        atomic_fetch_add(&shared->ready, 1);
        for (;;)
                pause();
}
