/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGBUS_TESTS_ORDER_RANDOM_LOG_H
#define RINGBUS_TESTS_ORDER_RANDOM_LOG_H

/*
 * The log of one client: what it sent, received and did, in its own order, over all its
 * incarnations (connections) of one round. This is all that the checks know.
 *
 * An incarnation is named by the N of its unique name :1.N. A log is a sequence of RandomRecord,
 * some with RandomKnown entries behind them. Records are of the machine that wrote them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        RANDOM_DRIVER = 0xffffffff, /* as a sender */
        RANDOM_NAME_UNIQUE = 0xfe,  /* not one of the well-known names but unique */
        RANDOM_NAME_NONE = 0xff,
};

typedef enum RandomWhat {
        RANDOM_JOINED,   /* peer: its number. Before it, only Hello was sent */
        RANDOM_STARTED,  /* of an observer: from here on it misses nothing */
        RANDOM_SENT,     /* queued to be written */
        RANDOM_RECEIVED, /* read */
        RANDOM_SNAPSHOT, /* known: what others say the bus has processed. Before a SENT */
        RANDOM_ENDED,    /* end, serial: the last message that was written entirely */
} RandomWhat;

typedef enum RandomEnd {
        RANDOM_END_FINISHED, /* read everything until the end of the round */
        RANDOM_END_ORDERLY,  /* stopped writing, then read until the bus closed */
        RANDOM_END_ABRUPT,   /* closed at once, perhaps in the middle of a message */
        RANDOM_END_LOST,     /* closed by the bus */
        RANDOM_END_STUCK,    /* waited in vain */
} RandomEnd;

/* Where a message goes. */
typedef enum RandomTo {
        RANDOM_TO_ALL,    /* a signal without destination */
        RANDOM_TO_UNIQUE, /* peer */
        RANDOM_TO_NAME,   /* name */
        RANDOM_TO_DRIVER, /* method */
        RANDOM_TO_NOBODY, /* a signal without destination that the policy denies everybody */
} RandomTo;

typedef enum RandomMethod {
        RANDOM_METHOD_NONE,
        RANDOM_METHOD_HELLO,
        RANDOM_METHOD_GET_ID,
        RANDOM_METHOD_ADD_MATCH,    /* value: the rule */
        RANDOM_METHOD_REMOVE_MATCH, /* value: the rule */
        RANDOM_METHOD_REQUEST_NAME, /* name, value: the flags */
        RANDOM_METHOD_RELEASE_NAME, /* name */
        RANDOM_METHOD_GET_OWNER,    /* name; if unique, old: its number */
        RANDOM_METHOD_HAS_OWNER,    /* the same */
        RANDOM_METHOD_LIST_NAMES,
        /* and signals of the driver */
        RANDOM_METHOD_CHANGED,  /* NameOwnerChanged: name, old, value: the new; see below */
        RANDOM_METHOD_ACQUIRED, /* NameAcquired: name */
        RANDOM_METHOD_LOST,     /* NameLost: name */
        RANDOM_METHOD_OTHER,    /* a signal that no check expects */
} RandomMethod;

/* Errors, by what they mean here. */
typedef enum RandomError {
        RANDOM_ERROR_NONE,
        RANDOM_ERROR_NO_REPLY,
        RANDOM_ERROR_NO_OWNER, /* NameHasNoOwner, ServiceUnknown */
        RANDOM_ERROR_LIMITS,
        RANDOM_ERROR_DENIED,
        RANDOM_ERROR_OTHER,
} RandomError;

enum {
        RANDOM_FLAG_NO_REPLY = 1,   /* of a call */
        RANDOM_FLAG_BAD_BODY = 2,   /* received: the body is not what its sender wrote */
        RANDOM_FLAG_BAD_FDS = 4,    /* received: the fds are not those of the message */
        RANDOM_FLAG_BAD_SENDER = 8, /* received: SENDER is not who wrote the body */
        RANDOM_FLAG_DENIED = 16,    /* sent: the policy denies it */
        RANDOM_FLAG_BY_TURNS = 32,  /* sent: the policy denies it in some states */
};

typedef struct RandomRecord {
        uint8_t what;   /* RandomWhat */
        uint8_t type;   /* of the message: RAWMESSAGE_CALL and so on; or RandomEnd */
        uint8_t flags;  /* RANDOM_FLAG_ */
        uint8_t to;     /* RandomTo; of a received one as its DESTINATION says */
        uint8_t name;   /* index, RANDOM_NAME_UNIQUE or RANDOM_NAME_NONE */
        uint8_t method; /* RandomMethod */
        uint8_t error;  /* RandomError */
        uint8_t n_fds;
        uint32_t n_known;      /* entries behind this record */
        uint32_t serial;       /* the message's */
        uint32_t peer;         /* sent: to whom; received: from whom, or RANDOM_DRIVER */
        uint32_t reply_serial; /* of answers; 0: none */
        /* NameOwnerChanged: 0 for "", otherwise N + 1. Of messages between clients, and of errors:
         * the state of the policy (random_policy.h). */
        uint32_t old;
        uint32_t value; /* broadcasts: their features; answers: the number in them */
        uint64_t hash;  /* ListNames: of all names; NameOwnerChanged: N of a unique name */
} RandomRecord;

/* One entry of a vector clock: what the sender knew that the receiver did not yet know. */
typedef struct RandomKnown {
        uint32_t unique;
        uint32_t serial;
} RandomKnown;

typedef struct RandomLog {
        int fd;
        uint8_t *data;
        size_t size;
} RandomLog;

int random_log_open(RandomLog *log, const char *directory, unsigned client);
void random_log_close(RandomLog *log);
void random_log_write(RandomLog *log, const RandomRecord *record, const RandomKnown *known);

/* The name of client's log file in `directory`. */
void random_log_path(char *path, size_t size, const char *directory, unsigned client);

/* What names add to the hash of a list of names: the sum over its members. */
uint64_t random_log_hash_unique(uint32_t unique);
uint64_t random_log_hash_name(unsigned name);

/* One line about a record, for reports. Returns `text`. */
const char *random_log_describe(const RandomRecord *record, char *text, size_t size);

#endif
