/* SPDX-License-Identifier: MIT
 *
 * What was typed as settings of the library.
 */
#ifndef TCA_CLI_SETUP_H
#define TCA_CLI_SETUP_H

#include "options.h"

#include <stdint.h>
#include <tcpautopsy/session.h>

/* Tables are written as JSON Lines, else as CSV. */
bool setup_jsonl(const struct request *req);
/* "ss" or "nstat" where states is to print what a command of the host would have; else NULL. */
const char *setup_text(const struct request *req);
/* The form of explain's ladder, as the library calls it. */
const char *setup_picture(const struct request *req);
/* All options of the request; the caller's to free. 0, or a negative code whose words were printed, as of all functions here. */
int setup_new(const struct request *req, struct tca_settings **ret_set);
/* What sysctl files held besides settings of ours. */
void setup_say_left_aside(const struct request *req, const struct tca_settings *set);
int setup_option(struct tca_settings *set, const char *name, const char *value);
int setup_open(const struct tca_settings *set, struct tca_session **ret_session);

/* Bytes, or with K, M, G, T, as --memory takes them. */
bool setup_size(const char *text, uint64_t *ret_bytes);

#endif
