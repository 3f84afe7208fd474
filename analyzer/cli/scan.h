/* SPDX-License-Identifier: MIT
 *
 * The command that reads many captures, in parallel, and can be interrupted.
 */
#ifndef TCA_CLI_SCAN_H
#define TCA_CLI_SCAN_H

#include "options.h"

/* `arguments` is the command line, for run.csv. */
enum exit_code scan_captures(struct request *req, int argc, char **argv);

#endif
