/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random histories, on both backends: many links with few buffers; writes with and without fds,
 * stops, restarts, exact receives, held buffers, closes and removals in any order. What arrives on
 * a link is always the next bytes of its stream and its fds; each end comes once; nothing leaks
 * (the fixture looks).
 */
#include "tests/unit/io_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/base/assert.h"

enum { N_LINKS = 24, N_STEPS = 6000, N_BUFFERS = 24, INTO_SIZE = 9000 };

typedef struct Player {
        Link *link;
        size_t n_written;
        size_t n_checked;  /* bytes that arrived and were compared */
        unsigned n_writes; /* since all had arrived */
        unsigned n_fds_written;
        bool into_runs;
        uint8_t into[INTO_SIZE];
} Player;

typedef struct Game {
        Fixture *fixture;
        uint64_t seed;
        Player players[N_LINKS];
} Game;

static unsigned roll(Game *game, unsigned n)
{
        game->seed = game->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(game->seed >> 33) % n;
}

static void start(Game *game, Player *player)
{
        player->link = link_new(game->fixture, roll(game, 2) ? 16 : 0);
        player->n_written = player->n_checked = 0;
        player->n_writes = player->n_fds_written = 0;
        player->into_runs = false;
}

/* What came is what was written, as far as it came. */
static void check(Player *player)
{
        Link *link = player->link;

        assert_true(link->size <= player->n_written - player->n_checked);
        assert_pattern(link->data, link->size, player->n_checked);
        player->n_checked += link->size;
        link->size = 0;
        assert_true(link->n_fds <= player->n_fds_written);
        assert_false(link->fds_lost);
}

static void release_all(Game *game)
{
        for (unsigned i = 0; i < N_LINKS; i++) {
                Link *link = game->players[i].link;

                while (link && link->n_kept > 0)
                        io_buffer_unref(link->kept[--link->n_kept]);
        }
}

/* The peer leaves: all that was written arrives before the end does. */
static void hear_out(Game *game, Player *player)
{
        Link *link = player->link;

        close(link->far);
        link->far = -1;
        while (link->error == 0) {
                if (!link->socket.receiving)
                        io_receive(game->fixture->io, &link->socket);
                release_all(game);
                fixture_turn(game->fixture, 1000);
        }
        assert_int_equal(link->error, -EPIPE);
        check(player);
        assert_int_equal(player->n_checked, player->n_written);
        assert_int_equal(link->n_fds, player->n_fds_written);
}

static void finish(Game *game, Player *player)
{
        switch (roll(game, 3)) {
        case 0:
                hear_out(game, player);
                break;
        case 1:
                /* In the middle of whatever goes on. */
                if (!player->into_runs || !player->link->socket.receiving)
                        io_remove(game->fixture->io, &player->link->socket);
                break;
        default:
                break;
        }
        player->link = link_free(game->fixture, player->link);
}

static void write_some(Game *game, Player *player)
{
        uint8_t data[30000];
        size_t size = 1 + roll(game, roll(game, 4) ? 300 : sizeof(data));
        unsigned n_fds =
                player->link->socket.with_fds && roll(game, 4) == 0 ? 1 + roll(game, 3) : 0;

        /* Never so much that the write would block: the socket is charged per write as well. */
        if (player->n_written == player->n_checked)
                player->n_writes = 0;
        if (player->link->far < 0 || player->n_written - player->n_checked > 50 * 1000 ||
            player->n_fds_written + n_fds > 300 || player->n_writes++ >= 30)
                return;
        fixture_pattern(data, size, player->n_written);
        link_write_fds(player->link, data, size, n_fds);
        player->n_written += size;
        player->n_fds_written += n_fds;
}

static void act(Game *game, Player *player)
{
        Link *link = player->link;
        Io *io = game->fixture->io;

        switch (roll(game, 16)) {
        case 0:
                if (link->socket.receiving)
                        io_stop(io, &link->socket);
                break;
        case 1:
        case 2:
                if (!link->socket.receiving) {
                        player->into_runs = false;
                        io_receive(io, &link->socket);
                }
                break;
        case 3:
                if (!link->socket.receiving) {
                        player->into_runs = true;
                        io_receive_into(io, &link->socket, player->into, 1 + roll(game, INTO_SIZE));
                }
                break;
        case 4:
                link->keep = !link->keep;
                break;
        case 5:
        case 6:
                release_all(game);
                break;
        case 7:
                if (roll(game, 8) == 0)
                        finish(game, player);
                break;
        default:
                write_some(game, player);
        }
}

static void play(Game *game)
{
        for (unsigned step = 0; step < N_STEPS; step++) {
                Player *player = &game->players[roll(game, N_LINKS)];

                if (!player->link)
                        start(game, player);
                act(game, player);
                if (roll(game, 3) == 0)
                        fixture_turn(game->fixture, 0);
                if (roll(game, 50) == 0)
                        io_poll(game->fixture->io);
                if (player->link)
                        check(player);
        }
        release_all(game);
        for (unsigned i = 0; i < N_LINKS; i++)
                if (game->players[i].link)
                        finish(game, &game->players[i]);
}

static void test_io_random_histories_lose_nothing(void **state)
{
        Fixture *fixture = *state;
        Game *game = calloc(1, sizeof(*game));

        assert_non_null(game);
        game->fixture = fixture;
        for (uint64_t seed = 1; seed <= 8; seed++) {
                fixture_resize(fixture, N_BUFFERS);
                game->seed = seed;
                play(game);
        }
        print_message("          stalls for want of buffers in the last: %u\n",
                      (unsigned)io_counters(fixture->io)->buffer_stalls);
        free(game);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_io_random_histories_lose_nothing),
        };

        return fixture_run("io_random", tests, ARRAY_SIZE(tests));
}
