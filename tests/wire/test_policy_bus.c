/* SPDX-License-Identifier: Apache-2.0 */

/* The policy where the bus itself takes part: calls to it, its own messages, broadcasts and
 * eavesdroppers, who may connect, what the log says, and reloads. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/wire/denial.h"
#include "tests/wire/pressure.h"

enum {
        FOREIGN_UID = 65534,
        N_DENIED = 100,
        LINES_MAX = 16, /* of one kind in the log, in LINES_MS */
        LINES_MS = 5000,
};

static RawHeader signal_of(const char *interface)
{
        RawHeader signal = scene_signal(NULL, "S", NULL);

        signal.interface = interface;
        return signal;
}

static void test_policy_bus_call_denied(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        denial_expect(client, scene_call(client, "ListActivatableNames", ""), .sender = client,
                      .interface = SCENE_DRIVER, .member = "ListActivatableNames",
                      .destination = SCENE_DRIVER, .to_bus = true);
        (void)expect_return(client, scene_call(client, "ListNames", ""));
}

/* Policy comes before what the bus would say itself: here, that it does not know this. */
static void test_policy_bus_denies_before_it_looks(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        RawHeader call = scene_method(SCENE_DRIVER, "M", NULL);

        call.interface = "t.Denied";
        denial_expect(client, scene_send(client, &call), .sender = client, .interface = "t.Denied",
                      .member = "M", .destination = SCENE_DRIVER, .to_bus = true);
        call.interface = "t.I";
        (void)expect_error(client, scene_send(client, &call), "UnknownInterface", NULL);
}

/* What is no call is refused in the same way, though the bus would ignore it. */
static void test_policy_bus_denies_replies_to_itself(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const RawHeader reply = {
                .type = RAWMESSAGE_RETURN, .reply_serial = 77, .destination = SCENE_DRIVER};

        denial_expect(client, scene_send(client, &reply), .type = "method_return", .sender = client,
                      .destination = SCENE_DRIVER, .to_bus = true);
}

static void test_policy_bus_signal_denied_is_silent(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);

        scene_own(client, "t.Mine");
        expect_u32(client, scene_call(client, "ReleaseName", "s", "t.Mine"), 1);
        scene_own(client, "t.Mine");
        expect_u32(other, scene_call(other, "RequestName", "su", "t.Mine", 0), 2);
        expect_u32(client, scene_call(client, "ReleaseName", "s", "t.Mine"), 1);
        expect_name_signal(other, "NameAcquired", "t.Mine");
        expect_nothing(client);
}

/* Each receiver is asked for; the sender hears nothing. */
static void test_policy_bus_broadcast_denied_to_some(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *guarded = scene_join(scene);
        RawClient *free_one = scene_join(scene);
        const RawHeader signal = signal_of("t.I");

        scene_match(guarded, "interface='t.I'");
        scene_match(free_one, "interface='t.I'");
        scene_own(guarded, "t.Guarded");
        for (int i = 0; i < 3; i++) {
                (void)scene_send(sender, &signal);
                (void)expect_signal(free_one, sender->unique_name, "S");
        }
        expect_nothing(guarded);
        expect_nothing(sender);
        expect_u32(guarded, scene_call(guarded, "ReleaseName", "s", "t.Guarded"), 1);
        (void)scene_send(sender, &signal);
        (void)expect_signal(guarded, sender->unique_name, "S");
}

/* The receivers' rules ask for the sender's names, which change. */
static void test_policy_bus_broadcast_denied_by_names_of_the_sender(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        const RawHeader signal = signal_of("t.I");

        scene_match(receiver, "interface='t.I'");
        for (int i = 0; i < 3; i++) {
                (void)scene_send(sender, &signal);
                (void)expect_signal(receiver, sender->unique_name, "S");
                scene_own(sender, "t.Unheard");
                (void)scene_send(sender, &signal);
                expect_nothing(sender);
                expect_nothing(receiver);
                expect_u32(sender, scene_call(sender, "ReleaseName", "s", "t.Unheard"), 1);
        }
}

static void test_policy_bus_broadcast_denied_unicast_not(void **state)
{
        Scene *scene = *state;
        RawClient *sender = scene_join(scene), *receiver = scene_join(scene);
        RawHeader signal = signal_of("t.Quiet");

        scene_match(receiver, "interface='t.Quiet'");
        (void)scene_send(sender, &signal);
        expect_nothing(sender);
        expect_nothing(receiver);
        signal.destination = receiver->unique_name;
        (void)scene_send(sender, &signal);
        (void)expect_signal(receiver, sender->unique_name, "S");
}

static void test_policy_bus_eavesdropping_denied(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawClient *eavesdropper = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);

        scene_match(eavesdropper, "type='method_call',path='/t',eavesdrop='true'");
        call.interface = "t.Secret";
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        expect_nothing(eavesdropper);
        call.interface = "t.I";
        (void)scene_send(caller, &call);
        (void)expect_call(callee, caller->unique_name, "M");
        (void)expect_call(eavesdropper, caller->unique_name, "M");
}

/* What is refused is shown to nobody else. */
static void test_policy_bus_denied_is_not_eavesdropped(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawClient *eavesdropper = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);

        scene_match(eavesdropper, "interface='t.Denied',eavesdrop='true'");
        call.interface = "t.Denied";
        (void)expect_error(caller, scene_send(caller, &call), "AccessDenied", NULL);
        call.destination = SCENE_DRIVER;
        (void)expect_error(caller, scene_send(caller, &call), "AccessDenied", NULL);
        expect_nothing(eavesdropper);
        expect_nothing(callee);
}

/* dbus-daemon logs to syslog or not at all. */
static void test_policy_bus_log_says_what_was_allowed_by_a_rule_that_logs(void **state)
{
        static const char words[] = "Would reject message, 2 matched rules; type=\"method_call\"";
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);
        unsigned before;

        if (!scene->bus.is_ringbus)
                skip();
        call.interface = "t.Noted";
        before = denial_count_lines(scene, words);
        for (unsigned i = 1; i <= 2; i++) {
                (void)scene_send(caller, &call);
                (void)expect_call(callee, caller->unique_name, "M");
                assert_int_equal(denial_count_lines(scene, words), before + i);
        }
}

static int start_for_everybody(void **state)
{
        const BusOptions options = {
                .for_everybody = true,
                .config = "<policy context=\"mandatory\"><deny user=\"65534\"/></policy>"};

        return scene_start_bus(state, &options);
}

static RawClient *open_as_foreigner(Scene *scene)
{
        const char *name = strrchr(scene->bus.address, '/');
        char address[sizeof(scene->bus.address)];
        RawClient *client;
        int error;

        assert_non_null(name);
        snprintf(address, sizeof(address), "unix:path=%s", name + 1);
        assert_int_equal(chdir(scene->bus.directory), 0);
        assert_int_equal(seteuid(FOREIGN_UID), 0);
        client = rawclient_open(address, 0, &error);
        assert_int_equal(seteuid(0), 0);
        prctl(PR_SET_DUMPABLE, 1); /* lost with the user; leak checkers need it */
        assert_int_equal(chdir("/"), 0);
        assert_non_null(client);
        return client;
}

/* It may authenticate, and then the connection ends. */
static void test_policy_bus_connecting_denied_to_a_user(void **state)
{
        Scene *scene = *state;
        RawClient *client;

        if (getuid() != 0)
                skip();
        (void)scene_join(scene);
        client = open_as_foreigner(scene);
        expect_closed(client);
        rawclient_free(client);
}

static int start_open(void **state)
{
        return scene_start(state);
}

static void reload_with(Scene *scene, RawClient *client, const char *policy)
{
        assert_int_equal(bus_write_config(&scene->bus, policy), 0);
        expect_empty(client, scene_call(client, "ReloadConfig", ""));
}

/* Connections that were there before are judged by the new policy, and the old one again. */
static void test_policy_bus_reload_changes_it_for_everybody(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawClient *reloader = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);

        call.interface = "t.Denied";
        for (int i = 0; i < 10; i++) {
                (void)scene_send(caller, &call);
                (void)expect_call(callee, caller->unique_name, "M");
                reload_with(scene, reloader, denial_policy);
                (void)expect_error(caller, scene_send(caller, &call), "AccessDenied", NULL);
                (void)expect_error(caller, scene_send(caller, &call), "AccessDenied", NULL);
                reload_with(scene, reloader, NULL);
        }
        expect_nothing(callee);
}

/* The sum of what the workers' lines in the log say of refusals, each as it was last; SIZE_MAX
 * until there are lines. */
static size_t read_denied(const Scene *scene)
{
        size_t denied[64] = {0}, sum = 0;
        char path[160], line[4096];
        bool any = false;
        FILE *file;

        snprintf(path, sizeof(path), "%s/log", scene->bus.directory);
        file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                const char *worker = strstr(line, "worker "), *count = strstr(line, " denied=");
                unsigned index;

                if (!worker || !count || sscanf(worker, "worker %u", &index) != 1 || index >= 64)
                        continue;
                any = sscanf(count, " denied=%zu", &denied[index]) == 1;
        }
        fclose(file);
        for (size_t i = 0; i < 64; i++)
                sum += denied[i];
        return any ? sum : SIZE_MAX;
}

/* A client that is refused again and again does not fill the log; what it does is counted. */
static void test_policy_bus_log_is_not_flooded(void **state)
{
        Scene *scene = *state;
        RawClient *caller = scene_join(scene), *callee = scene_join(scene);
        RawHeader call = scene_method(callee->unique_name, "M", NULL);
        int64_t begun_ms, periods;

        if (!scene->bus.is_ringbus)
                skip();
        reload_with(scene, callee, denial_policy);
        begun_ms = pressure_now_ms();
        call.interface = "t.Denied";
        for (int i = 0; i < N_DENIED; i++)
                (void)expect_error(caller, scene_send(caller, &call), "AccessDenied", NULL);
        periods = 2 + (pressure_now_ms() - begun_ms) / LINES_MS; /* begun, at the most */
        assert_in_range(denial_count_lines(scene, "Rejected send message"), 1, periods * LINES_MAX);
        for (int i = 0; i < RAWCLIENT_TIMEOUT_MS / 100 && read_denied(scene) != N_DENIED; i++) {
                kill(scene->bus.pid, SIGUSR1);
                usleep(100000);
        }
        assert_int_equal(read_denied(scene), N_DENIED);
        reload_with(scene, callee, NULL);
}

#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)

int main(void)
{
        const struct CMUnitTest denying[] = {
                /* First: a worker's log has so many such lines in a while. */
                TEST(test_policy_bus_log_says_what_was_allowed_by_a_rule_that_logs),
                TEST(test_policy_bus_call_denied),
                TEST(test_policy_bus_denies_before_it_looks),
                TEST(test_policy_bus_denies_replies_to_itself),
                TEST(test_policy_bus_signal_denied_is_silent),
                TEST(test_policy_bus_broadcast_denied_to_some),
                TEST(test_policy_bus_broadcast_denied_by_names_of_the_sender),
                TEST(test_policy_bus_broadcast_denied_unicast_not),
                TEST(test_policy_bus_eavesdropping_denied),
                TEST(test_policy_bus_denied_is_not_eavesdropped),
        };
        const struct CMUnitTest connecting[] = {
                TEST(test_policy_bus_connecting_denied_to_a_user),
        };
        const struct CMUnitTest reloading[] = {
                TEST(test_policy_bus_log_is_not_flooded),
                TEST(test_policy_bus_reload_changes_it_for_everybody),
        };
        int status = scene_run("policy_bus", denying, denial_start);

        status |= scene_run("policy_bus_connect", connecting, start_for_everybody);
        return status | scene_run("policy_bus_reload", reloading, start_open);
}
