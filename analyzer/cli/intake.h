/* SPDX-License-Identifier: MIT
 *
 * What is read: the captures that the names stand for, and the plan of what is read together.
 */
#ifndef TCA_CLI_INTAKE_H
#define TCA_CLI_INTAKE_H

#include "options.h"

#include <tcpautopsy/plan.h>

bool is_stdin(const char *name);
bool is_stream(const char *name); /* a pipe, or anything else that gives its bytes once */
/* ... for people. */
const char *name_of(const char *capture);
/* Put into req->inputs and req->capture what the names stand for. walk: directories are gone through. 0, or a negative code whose
 * words were printed, as of all functions here. */
int intake_open(struct request *req, bool walk);
/* In the sandbox: what turns out to be none of it when it is unpacked goes. TCA_EUSAGE, with words, if nothing stays. */
int intake_sift(struct request *req);
/* What belongs together, by --series. */
int intake_plan(const struct request *req, struct tca_plan **ret_plan);
/* Would this file replace an input? It says so; `option` names the file to people. */
bool intake_overwritten(const struct request *req, const char *path, const char *option);

#endif
