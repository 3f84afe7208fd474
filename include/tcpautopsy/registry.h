/* SPDX-License-Identifier: MIT
 *
 * What the library knows by name: findings and table columns. Static data, no session needed. Ids, column
 * names and their order are interface: never renamed, only added.
 */
#ifndef TCPAUTOPSY_REGISTRY_H
#define TCPAUTOPSY_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <tcpautopsy/session.h>

struct tca_finding_info {
    const char *id, *severity, *scope, *column, *origin;
    const char *meaning, *proof, *doubt, *host;
};
size_t tca_registry_findings(void);
bool tca_registry_finding(size_t index, struct tca_finding_info *ret_info); /* false past the end */
bool tca_registry_finding_by_id(const char *id, struct tca_finding_info *ret_info);
/* The id that was meant by a word that is none: a short or a column's form of it, or one spelled much like it; static,
 * NULL if none is near. */
const char *tca_registry_nearest_finding(const char *word);

struct tca_column_info {
    const char *table, *name, *type, *unit, *meaning;
};
size_t tca_registry_columns(void);
bool tca_registry_column(size_t index, struct tca_column_info *ret_info);

const char *tca_version(void); /* "0.1.0" */
/* Libraries in use and table schema versions, several lines, terminated and cut to `room`. */
void tca_version_details(char *ret_text, size_t room);

/* Does this expression compile as a BPF filter? For a bare word that is no file. */
bool tca_filter_compiles(const char *expression);

#endif
