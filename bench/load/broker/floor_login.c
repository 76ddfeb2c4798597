/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "bench/load/broker/floor_private.h"

/* A line without its CRLF. False: the connection is closed, or logged in. */
static bool handle_line(Floor *floor, FloorConnection *connection)
{
        FloorLogin *login = connection->login;
        char reply[SASL_REPLY_MAX];
        size_t size = 0;
        SaslResult result =
                sasl_handle_line(&login->sasl, (Text){login->line, login->size}, reply, &size);

        login->size = 0;
        if (size > 0)
                floor_output_copy(floor, connection, reply, size);
        switch (result) {
        case SASL_CONTINUE:
                return true;
        case SASL_AUTHENTIC:
                free(login);
                connection->login = NULL;
                return false;
        case SASL_WAIT: /* of mechanisms that it does not serve */
        case SASL_CLOSE:
                floor_close(floor, connection);
                return false;
        }
        return false;
}

size_t floor_login_feed(Floor *floor, FloorConnection *connection, const uint8_t *data, size_t size)
{
        FloorLogin *login = connection->login;

        for (size_t i = 0; i < size; i++) {
                if (!login->has_begun) {
                        login->has_begun = true; /* the NUL byte */
                        continue;
                }
                if (login->size == sizeof(login->line)) {
                        floor_close(floor, connection);
                        return size;
                }
                login->line[login->size++] = (char)data[i];
                if (data[i] != '\n' || login->size < 2 || login->line[login->size - 2] != '\r')
                        continue;
                login->size -= 2;
                if (!handle_line(floor, connection))
                        return i + 1;
        }
        return size;
}
