/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection before all others: is there a bus, and which process is it? The bus itself is
 * asked first, for SO_PEERCRED tells who called listen(2), and that may have been systemd.
 */

#include <string.h>
#include <unistd.h>

#include "bench/load/scenario/run_private.h"
#include "broker/base/assert.h"
#include "broker/base/clock.h"

#define PROBE_TIMEOUT_NS (UINT64_C(5) * CLOCK_NS_PER_S)

typedef struct Probe {
        RunPart part; /* of a loop of its own */
        RunClient client;
        Loop loop;
        int listener_pid;
        uint32_t said_pid;
        bool is_done;
        char failure[512];
} Probe;

static Probe *probe_of(Connection *connection)
{
        return CONTAINER_OF(run_client(connection), Probe, client);
}

static void handle_ready(Connection *connection)
{
        Probe *probe = probe_of(connection);

        probe->listener_pid = connection_peer_pid(connection);
        run_call_bus(&probe->client, "GetConnectionUnixProcessID", "s", "org.freedesktop.DBus");
}

static void handle_frame(Connection *connection, const ConnectionFrame *frame)
{
        Probe *probe = probe_of(connection);

        if (frame->type != FRAME_TYPE_METHOD_RETURN && frame->type != FRAME_TYPE_ERROR)
                return;
        if (frame->type == FRAME_TYPE_METHOD_RETURN && frame->body_size == 4)
                probe->said_pid = frame_load_u32(frame->body, frame->big_endian);
        probe->is_done = true; /* a bus that does not say is one, too */
        loop_end(&probe->loop);
}

static void handle_failed(Connection *connection, int error, const char *what)
{
        Probe *probe = probe_of(connection);

        if (what == connection->failure)
                snprintf(probe->failure, sizeof(probe->failure), "%s", what);
        else
                snprintf(probe->failure, sizeof(probe->failure), "%s: %s", what, strerror(-error));
        loop_end(&probe->loop);
}

static const ConnectionHandlers handlers = {
        .ready = handle_ready,
        .frame = handle_frame,
        .failed = handle_failed,
};

static bool is_process(int pid)
{
        FactsProcess process;

        facts_read_process(pid, &process);
        return pid > 0 && process.is_known;
}

/*
 * dbus-broker says that it is the process that controls it, its launcher: then it is that one's
 * child.
 */
static int find_dbus_broker(int launcher)
{
        char path[64], comm[32];
        int pid, found = launcher;
        FILE *children, *file;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", launcher, launcher);
        children = fopen(path, "re");
        while (children && found == launcher && fscanf(children, "%d", &pid) == 1) {
                snprintf(path, sizeof(path), "/proc/%d/comm", pid);
                file = fopen(path, "re");
                if (!file)
                        continue;
                if (fgets(comm, sizeof(comm), file) && strcmp(comm, "dbus-broker\n") == 0)
                        found = pid;
                fclose(file);
        }
        if (children)
                fclose(children);
        return found;
}

static int choose_pid(const Run *run, const Probe *probe)
{
        if (run->options.pid > 0)
                return (int)run->options.pid;
        if (run->broker.pid > 0)
                return run->broker.pid; /* we have started it */
        if (is_process((int)probe->said_pid))
                return find_dbus_broker((int)probe->said_pid);
        return is_process(probe->listener_pid) ? probe->listener_pid : 0;
}

int run_probe(Run *run)
{
        static Probe probe;
        ConnectionOptions options = {
                .address = run->address, .handlers = &handlers, .owner = &probe.client};
        int r;

        memset(&probe, 0, sizeof(probe));
        r = loop_init(&probe.loop);
        if (r < 0) {
                fprintf(stderr, "ringbus-load: %s\n", strerror(-r));
                return 1;
        }
        probe.part = (RunPart){.run = run, .loop = &probe.loop};
        probe.client.part = &probe.part;
        r = connection_start(&probe.client.connection, &probe.loop, &options);
        if (r < 0)
                snprintf(probe.failure, sizeof(probe.failure), "%s",
                         probe.client.connection.failure);
        else
                loop_run(&probe.loop, clock_now_ns() + PROBE_TIMEOUT_NS);
        if (!probe.is_done && !probe.failure[0])
                snprintf(probe.failure, sizeof(probe.failure), "no answer in 5 s (%s)",
                         connection_state_name(probe.client.connection.state));
        connection_stop(&probe.client.connection);
        loop_deinit(&probe.loop);
        if (!probe.is_done) {
                fprintf(stderr, "ringbus-load: no bus at %s: %s\n", run->address, probe.failure);
                return 1;
        }
        facts_read_broker(choose_pid(run, &probe), &run->broker);
        facts_read_machine(&run->machine);
        return 0;
}
