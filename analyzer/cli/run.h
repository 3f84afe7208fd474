/* SPDX-License-Identifier: MIT
 *
 * The commands that read captures.
 */
#ifndef TCA_CLI_RUN_H
#define TCA_CLI_RUN_H

#include "options.h"

/* `arguments` is the command line, for run.csv. */
enum exit_code run_captures(struct request *req, int argc, char **argv);

#endif
