/* SPDX-License-Identifier: MIT
 *
 * The commands that need no capture: findings and schema.
 */
#ifndef TCA_CLI_CATALOG_H
#define TCA_CLI_CATALOG_H

#include "options.h"

/* "no finding 'ID': did you mean ...", behind `where` it was typed. */
void say_no_finding(const char *where, const char *id);
enum exit_code catalog_findings(const struct request *req);
enum exit_code catalog_schema(const struct request *req);

#endif
