/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy.h"

PolicyVerdict policy_decide_send(const Policy *policy, const Header *header)
{
        (void)header; /* rules that look at it come with the configuration that can state them */
        switch (policy->kind) {
        case POLICY_ALLOW_ALL:
                return POLICY_ALLOWED;
        }
        return POLICY_DENIED;
}
