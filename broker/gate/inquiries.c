/* SPDX-License-Identifier: Apache-2.0 */
/* See inquiries.h. */

#include "broker/gate/inquiries.h"

#include <errno.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/assert.h"
#include "broker/gate/handshake.h"

void inquiries_init(Inquiries *inquiries, const GateOptions *options, Wake *wake)
{
        *inquiries = (Inquiries){.options = options, .wake = wake};
        list_init(&inquiries->unanswered);
        stack_init(&inquiries->answered);
}

void inquiries_free(Inquiry *inquiry)
{
        explicit_bzero(&inquiry->answer, sizeof(inquiry->answer));
        alloc_free(inquiry);
}

void inquiries_deinit(Inquiries *inquiries)
{
        ListNode *node;

        stack_take(&inquiries->answered); /* they are in the list as well */
        inquiries->taken = NULL;
        while ((node = list_take_first(&inquiries->unanswered)))
                inquiries_free(CONTAINER_OF(node, Inquiry, node));
        inquiries->n = 0;
}

/* The clerk's thread. */
static void run(Job *job)
{
        Inquiry *inquiry = CONTAINER_OF(job, Inquiry, job);
        Inquiries *inquiries = inquiry->inquiries;

        inquiries->options->answer(inquiries->options->context, &inquiry->question,
                                   &inquiry->answer);
        stack_push(&inquiries->answered, &inquiry->stack);
        wake_up(inquiries->wake);
}

int inquiries_post(Inquiries *inquiries, Handshake *handshake)
{
        Inquiry *inquiry;

        if (inquiries->n >= INQUIRIES_MAX)
                return -EBUSY;
        inquiry = alloc_zeroed(1, sizeof(*inquiry));
        if (!inquiry)
                return -ENOMEM;
        inquiry->job.run = run;
        inquiry->inquiries = inquiries;
        inquiry->handshake = handshake;
        inquiry->question = *sasl_get_question(&handshake->sasl);
        handshake->inquiry = inquiry;
        list_push_back(&inquiries->unanswered, &inquiry->node);
        inquiries->n++;
        inquiries->options->post_job(inquiries->options->context, &inquiry->job);
        return 0;
}

Inquiry *inquiries_take(Inquiries *inquiries)
{
        Inquiry *oldest;

        if (!inquiries->taken)
                inquiries->taken = stack_reverse(stack_take(&inquiries->answered));
        if (!inquiries->taken)
                return NULL;
        oldest = CONTAINER_OF(inquiries->taken, Inquiry, stack);
        inquiries->taken = oldest->stack.next;
        list_remove(&oldest->node);
        inquiries->n--;
        return oldest;
}
