/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference's own messages, from the Debian package dbus-tests: every file in valid-messages/
 * must be accepted and every file in invalid-messages/ refused, by ringbus as by libdbus. The
 * installed set holds raw messages ("*.message-raw"); the hex dumps beside them are their sources.
 */

#include "proto/body.h"
#include "proto/frame.h"
#include "proto/header.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <dbus/dbus.h>

static const char *folder;

typedef struct File {
        uint8_t data[65536];
        size_t size;
} File;

static void read_file(const char *subfolder, const char *name, File *file)
{
        char path[1024];
        FILE *stream;

        (void)snprintf(path, sizeof(path), "%s/%s/%s", folder, subfolder, name);
        stream = fopen(path, "rb");
        assert_non_null(stream);
        file->size = fread(file->data, 1, sizeof(file->data), stream);
        assert_true(file->size > 0 && file->size < sizeof(file->data));
        (void)fclose(stream);
}

static bool ringbus_accepts(const File *file, Header *ret_header)
{
        Frame frame;

        if (frame_cut(file->data, file->size, FRAME_SIZE_MAX, &frame) != FRAME_OK)
                return false;
        if (frame.size > file->size || header_parse(file->data, &frame, ret_header) != HEADER_OK)
                return false;
        return body_validate(file->data + frame.header_size, frame.body_size, ret_header->signature,
                             frame.big_endian) == BODY_OK;
}

static bool libdbus_accepts(const File *file)
{
        DBusMessage *message =
                dbus_message_demarshal((const char *)file->data, (int)file->size, NULL);

        if (message)
                dbus_message_unref(message);
        return message != NULL;
}

/* Both verdicts on every raw message of a folder; returns how many there are. */
static unsigned check_folder(const char *subfolder, bool expected)
{
        static const char suffix[] = ".message-raw";
        char path[1024];
        struct dirent *entry;
        unsigned n_files = 0;
        DIR *directory;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, subfolder);
        directory = opendir(path);
        assert_non_null(directory);
        while ((entry = readdir(directory))) {
                size_t size = strlen(entry->d_name);
                Header header;
                File file;

                if (size < sizeof(suffix) || strcmp(entry->d_name + size - 12, suffix) != 0)
                        continue;
                read_file(subfolder, entry->d_name, &file);
                if (libdbus_accepts(&file) != expected)
                        fail_msg("%s: libdbus disagrees with its own folder", entry->d_name);
                if (ringbus_accepts(&file, &header) != expected)
                        fail_msg("%s: %s", entry->d_name, expected ? "refused" : "accepted");
                n_files++;
        }
        closedir(directory);
        return n_files;
}

static void test_wire_data_valid_messages_accepted(void **state)
{
        (void)state;
        assert_true(check_folder("valid-messages", true) >= 2);
}

static void test_wire_data_invalid_messages_refused(void **state)
{
        (void)state;
        assert_true(check_folder("invalid-messages", false) >= 6);
}

/*
 * A big-endian message whose body holds index 0xf8280208 of type 'h' but which has no UNIX_FDS:
 * valid, in the reference's words, though not practically useful. Receivers find out.
 */
static void test_wire_data_fd_index_without_fds_accepted(void **state)
{
        Header header = {0};
        File file;

        (void)state;
        read_file("valid-messages", "byteswap-fd-index.message-raw", &file);
        assert_true(ringbus_accepts(&file, &header));
        assert_true(header.frame.big_endian);
        assert_int_equal(header.frame.serial, 0x97bc9023);
        assert_int_equal(header.n_unix_fds, 0);
        assert_true(text_equal(header.signature, TEXT("hv")));
        assert_int_equal(frame_load_u32(file.data + header.frame.header_size, true), 0xf8280208);
}

static void test_wire_data_minimal_message_read(void **state)
{
        Header header = {0};
        File file;

        (void)state;
        read_file("valid-messages", "minimal.message-raw", &file);
        assert_true(ringbus_accepts(&file, &header));
        assert_int_equal(header.frame.type, FRAME_TYPE_METHOD_RETURN);
        assert_int_equal(header.frame.serial, 2);
        assert_int_equal(header.reply_serial, 1);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wire_data_valid_messages_accepted),
                cmocka_unit_test(test_wire_data_invalid_messages_refused),
                cmocka_unit_test(test_wire_data_fd_index_without_fds_accepted),
                cmocka_unit_test(test_wire_data_minimal_message_read),
        };

        if (argc != 2) {
                (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
                return 2;
        }
        folder = argv[1];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
