/* SPDX-License-Identifier: Apache-2.0 */

/* The driver's questions about names and connections, and its identity. */

#include <ctype.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/expect.h"
#include "tests/wire/scene.h"

static void test_list_names_driver_is_first(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const char *names[8];
        uint32_t serial;

        scene_own(client, "t.Listed");
        serial = scene_call(client, "ListNames", NULL);
        assert_int_equal(rawmessage_read_strings(expect_return(client, serial), names, 8), 4);
        assert_string_equal(names[0], SCENE_DRIVER);
}

static void test_list_names_shows_a_name_with_a_queue_once(void **state)
{
        Scene *scene = *state;
        RawClient *owner = scene_join(scene), *waiter = scene_join(scene);
        const char *names[8];
        uint32_t serial;
        int n_found = 0;

        scene_own(owner, "t.Listed");
        expect_u32(waiter, scene_call(waiter, "RequestName", "su", "t.Listed", 0U), 2);
        serial = scene_call(waiter, "ListNames", NULL);
        assert_int_equal(rawmessage_read_strings(expect_return(waiter, serial), names, 8), 5);
        for (int i = 0; i < 5; i++)
                n_found += !strcmp(names[i], "t.Listed");
        assert_int_equal(n_found, 1);
}

static void test_list_activatable_names_holds_the_driver(void **state)
{
        RawClient *client = scene_join(*state);

        expect_strings(client, scene_call(client, "ListActivatableNames", NULL), SCENE_DRIVER);
}

static void test_name_has_owner_knows_names_and_answers_nonsense(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        scene_own(client, "t.Owned");
        expect_bool(client, scene_call(client, "NameHasOwner", "s", "t.Owned"), true);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", client->unique_name), true);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", SCENE_DRIVER), true);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", "t.Absent"), false);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", ":1.4000000000"), false);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", ""), false);
        expect_bool(client, scene_call(client, "NameHasOwner", "s", "no name / at all"), false);
}

static void test_get_name_owner_answers_unique_names(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene), *other = scene_join(scene);

        scene_own(client, "t.Owned");
        expect_text(other, scene_call(other, "GetNameOwner", "s", "t.Owned"), client->unique_name);
        expect_text(other, scene_call(other, "GetNameOwner", "s", client->unique_name),
                    client->unique_name);
        expect_text(other, scene_call(other, "GetNameOwner", "s", SCENE_DRIVER), SCENE_DRIVER);
}

static void test_get_name_owner_of_nobody_is_an_error(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, scene_call(client, "GetNameOwner", "s", "t.Absent"), "NameHasNoOwner",
                     "Could not get owner of name 't.Absent': no such name");
        expect_error(client, scene_call(client, "GetNameOwner", "s", "%"), "NameHasNoOwner",
                     "Could not get owner of name '%': no such name");
        expect_error(client, scene_call(client, "GetNameOwner", "s", ""), "NameHasNoOwner",
                     "Could not get owner of name '': no such name");
}

static void test_queued_owners_primary_is_first(void **state)
{
        Scene *scene = *state;
        RawClient *a = scene_join(scene), *b = scene_join(scene), *c = scene_join(scene);
        char expected[128];

        scene_own(b, "t.Queue");
        expect_u32(c, scene_call(c, "RequestName", "su", "t.Queue", 0U), 2);
        expect_u32(a, scene_call(a, "RequestName", "su", "t.Queue", 0U), 2);
        snprintf(expected, sizeof(expected), "%s %s %s", b->unique_name, c->unique_name,
                 a->unique_name);
        expect_strings(a, scene_call(a, "ListQueuedOwners", "s", "t.Queue"), expected);
}

static void test_queued_owners_of_unique_name_driver_and_nobody(void **state)
{
        RawClient *client = scene_join(*state);

        expect_strings(client, scene_call(client, "ListQueuedOwners", "s", client->unique_name),
                       client->unique_name);
        expect_strings(client, scene_call(client, "ListQueuedOwners", "s", SCENE_DRIVER),
                       SCENE_DRIVER);
        expect_error(client, scene_call(client, "ListQueuedOwners", "s", "t.Absent"),
                     "NameHasNoOwner", "Could not get owners of name 't.Absent': no such name");
}

static void test_connection_unix_user_and_process_are_those_of_the_peer(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        uint32_t pid = (uint32_t)getpid(), bus_pid = (uint32_t)scene->bus.pid;

        scene_own(client, "t.Owned");
        expect_u32(client, scene_call(client, "GetConnectionUnixUser", "s", "t.Owned"), getuid());
        expect_u32(client, scene_call(client, "GetConnectionUnixUser", "s", SCENE_DRIVER),
                   getuid());
        expect_u32(client, scene_call(client, "GetConnectionUnixProcessID", "s", "t.Owned"), pid);
        expect_u32(client, scene_call(client, "GetConnectionUnixProcessID", "s", SCENE_DRIVER),
                   bus_pid);
}

static void test_connection_questions_about_nobody_are_errors(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, scene_call(client, "GetConnectionUnixUser", "s", "t.Absent"),
                     "NameHasNoOwner", "Could not get UID of name 't.Absent': no such name");
        expect_error(client, scene_call(client, "GetConnectionUnixProcessID", "s", "t.Absent"),
                     "NameHasNoOwner", "Could not get PID of name 't.Absent': no such name");
        expect_error(client, scene_call(client, "GetConnectionCredentials", "s", "t.Absent"),
                     "NameHasNoOwner",
                     "Could not get credentials of name 't.Absent': no such name");
        expect_error(client,
                     scene_call(client, "GetConnectionSELinuxSecurityContext", "s", "t.Absent"),
                     "NameHasNoOwner",
                     "Could not get security context of name 't.Absent': no such name");
        expect_error(client, scene_call(client, "GetAdtAuditSessionData", "s", "t.Absent"),
                     "NameHasNoOwner",
                     "Could not get audit session data of name 't.Absent': no such name");
}

static void test_connection_audit_and_selinux_data_are_unknown(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        const char *name = client->unique_name;

        expect_error(client, scene_call(client, "GetAdtAuditSessionData", "s", name),
                     "AdtAuditDataUnknown", NULL);
        if (access("/sys/fs/selinux/enforce", F_OK) != 0)
                expect_error(client,
                             scene_call(client, "GetConnectionSELinuxSecurityContext", "s", name),
                             "SELinuxSecurityContextUnknown", NULL);
}

static int compare_u32(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return x < y ? -1 : x > y;
}

/* This process's groups as the bus must report them: ascending, the primary one included, once. */
static size_t sorted_groups(uint32_t *groups, size_t max)
{
        gid_t own[256];
        int n_own = getgroups(256, own);
        size_t n = 0, n_unique = 0;

        assert_true(n_own >= 0 && (size_t)n_own < max);
        groups[n++] = getgid();
        for (int i = 0; i < n_own; i++)
                groups[n++] = own[i];
        qsort(groups, n, sizeof(*groups), compare_u32);
        for (size_t i = 0; i < n; i++) {
                if (n_unique == 0 || groups[n_unique - 1] != groups[i])
                        groups[n_unique++] = groups[i];
        }
        return n_unique;
}

static void check_groups(MarshalReader *reader)
{
        uint32_t expected[257];
        size_t n_expected = sorted_groups(expected, 257);

        assert_int_equal(marshal_reader_u32(reader), n_expected * 4);
        for (size_t i = 0; i < n_expected; i++)
                assert_int_equal(marshal_reader_u32(reader), expected[i]);
}

/* Reads the key and the type of an entry of a{sv}. */
static const char *read_entry(MarshalReader *reader, const char **ret_type)
{
        const char *key;

        marshal_reader_align(reader, 8);
        key = marshal_reader_string(reader);
        *ret_type = marshal_reader_signature(reader);
        return key;
}

static void start_credentials(RawClient *client, const char *name, MarshalReader *reader)
{
        uint32_t serial = scene_call(client, "GetConnectionCredentials", "s", name);
        RawMessage *reply = expect_return(client, serial);

        assert_string_equal(reply->signature, "a{sv}");
        marshal_reader_init(reader, reply->body, reply->body_size, reply->big_endian);
        assert_int_equal(marshal_reader_u32(reader),
                         reply->body_size - (reply->body_size > 4 ? 8 : 4));
}

static void expect_entry_u32(MarshalReader *reader, const char *key, uint32_t value)
{
        const char *type;

        assert_string_equal(read_entry(reader, &type), key);
        assert_string_equal(type, "u");
        assert_int_equal(marshal_reader_u32(reader), value);
}

static void test_credentials_keys_are_in_order(void **state)
{
        RawClient *client = scene_join_with(*state, RAWCLIENT_NO_FDS);
        MarshalReader reader;
        const char *type, *key;

        start_credentials(client, client->unique_name, &reader);
        expect_entry_u32(&reader, "ProcessID", (uint32_t)getpid());
        expect_entry_u32(&reader, "UnixUserID", getuid());
        assert_string_equal(read_entry(&reader, &type), "UnixGroupIDs");
        assert_string_equal(type, "au");
        check_groups(&reader);
        if (reader.at < reader.size) {
                key = read_entry(&reader, &type);
                assert_string_equal(key, "LinuxSecurityLabel");
                assert_string_equal(type, "ay");
                reader.at += marshal_reader_u32(&reader);
        }
        assert_false(reader.bad);
        assert_int_equal(reader.at, reader.size);
}

static void test_credentials_of_the_driver_are_those_of_the_bus(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        MarshalReader reader;

        start_credentials(client, SCENE_DRIVER, &reader);
        expect_entry_u32(&reader, "ProcessID", (uint32_t)scene->bus.pid);
        expect_entry_u32(&reader, "UnixUserID", getuid());
        assert_int_equal(reader.at, reader.size);
}

static void test_get_id_is_constant_and_not_the_guid_of_the_address(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);
        uint32_t serial = scene_call(client, "GetId", NULL);
        char first[33];
        const char *id;

        assert_true(rawmessage_read(expect_return(client, serial), "s", &id));
        assert_int_equal(strlen(id), 32);
        for (size_t i = 0; i < 32; i++)
                assert_true(isxdigit((unsigned char)id[i]));
        memcpy(first, id, sizeof(first));
        expect_text(client, scene_call(client, "GetId", NULL), first);
        assert_string_not_equal(first, client->guid);
        assert_non_null(strstr(scene->bus.address, client->guid));
}

/* The reference looks for the .service file first, so that there must be one. */
static void write_service_file(const Scene *scene, const char *name)
{
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s.service", scene->bus.directory, name);
        file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file, "[D-BUS Service]\nName=%s\nExec=/bin/false\n", name);
        assert_int_equal(fclose(file), 0);
}

static void remove_service_file(const Scene *scene, const char *name)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s.service", scene->bus.directory, name);
        assert_int_equal(unlink(path), 0);
}

static void test_start_service_by_name_of_a_running_name_is_2(void **state)
{
        Scene *scene = *state;
        RawClient *client = scene_join(scene);

        write_service_file(scene, "t.Running");
        scene_own(client, "t.Running");
        expect_u32(client, scene_call(client, "StartServiceByName", "su", "t.Running", 0U), 2);
        expect_u32(client, scene_call(client, "StartServiceByName", "su", "t.Running", 77U), 2);
        remove_service_file(scene, "t.Running");
}

static void test_start_service_by_name_of_an_unknown_name_is_an_error(void **state)
{
        RawClient *client = scene_join(*state);

        expect_error(client, scene_call(client, "StartServiceByName", "su", "t.Absent", 0U),
                     "ServiceUnknown", "The name t.Absent was not provided by any .service files");
        expect_error(client, scene_call(client, "StartServiceByName", "su", SCENE_DRIVER, 0U),
                     "ServiceUnknown",
                     "The name org.freedesktop.DBus was not provided by any .service files");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, scene_clear)
        const struct CMUnitTest tests[] = {
                TEST(test_list_names_driver_is_first),
                TEST(test_list_names_shows_a_name_with_a_queue_once),
                TEST(test_list_activatable_names_holds_the_driver),
                TEST(test_name_has_owner_knows_names_and_answers_nonsense),
                TEST(test_get_name_owner_answers_unique_names),
                TEST(test_get_name_owner_of_nobody_is_an_error),
                TEST(test_queued_owners_primary_is_first),
                TEST(test_queued_owners_of_unique_name_driver_and_nobody),
                TEST(test_connection_unix_user_and_process_are_those_of_the_peer),
                TEST(test_connection_questions_about_nobody_are_errors),
                TEST(test_connection_audit_and_selinux_data_are_unknown),
                TEST(test_credentials_keys_are_in_order),
                TEST(test_credentials_of_the_driver_are_those_of_the_bus),
                TEST(test_get_id_is_constant_and_not_the_guid_of_the_address),
                TEST(test_start_service_by_name_of_a_running_name_is_2),
                TEST(test_start_service_by_name_of_an_unknown_name_is_an_error),
        };

        return scene_run("wire/queries", tests, scene_start);
}
