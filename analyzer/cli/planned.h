/* SPDX-License-Identifier: MIT
 *
 * --plan: what is read together, and why, for people.
 */
#ifndef TCA_CLI_PLANNED_H
#define TCA_CLI_PLANNED_H

#include <tcpautopsy/plan.h>

/* On standard output. share_of: the share of each item, or NULL. */
void planned_print(const struct tca_plan *plan, const unsigned *share_of);

#endif
