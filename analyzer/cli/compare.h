/* SPDX-License-Identifier: MIT
 *
 * The command that compares two tables: diff.
 */
#ifndef TCA_CLI_COMPARE_H
#define TCA_CLI_COMPARE_H

#include "options.h"

enum exit_code compare_tables(const struct request *req);

#endif
