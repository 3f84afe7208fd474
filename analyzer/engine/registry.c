/* SPDX-License-Identifier: MIT
 *
 * What the library knows by name, for the outside.
 */
#include <tcpautopsy/registry.h>

#include "capture/input.h"
#include "capture/source.h"
#include "engine/run.h"
#include "report/nearest.h"

static const char *const severities[] = {"info", "low", "medium", "high"};
static const char *const scopes[] = {"flow", "listener", "capture", "host"};
static const char *const columns[] = {"event", "handshake", "close"};
static const char *const origins[] = {"kernel", "public", "source", "crafted"};

size_t tca_registry_findings(void)
{
    return TCA_FINDING_COUNT;
}

bool tca_registry_finding(size_t index, struct tca_finding_info *ret)
{
    if (index >= TCA_FINDING_COUNT)
        return false;
    const struct tca_finding *f = &tca_findings[index];
    *ret = (struct tca_finding_info){.id = f->id,
                                     .severity = severities[f->severity],
                                     .scope = scopes[f->scope],
                                     .column = columns[f->column],
                                     .origin = origins[f->origin],
                                     .meaning = f->meaning,
                                     .proof = f->proof,
                                     .doubt = f->doubt,
                                     .host = f->host};
    return true;
}

bool tca_registry_finding_by_id(const char *id, struct tca_finding_info *ret)
{
    const struct tca_finding *f = tca_finding_by_id(id);
    return f && tca_registry_finding((size_t)(f - tca_findings), ret);
}

const char *tca_registry_nearest_finding(const char *word)
{
    return tca_nearest_finding(word);
}

size_t tca_registry_columns(void)
{
    return tca_column_count;
}

bool tca_registry_column(size_t index, struct tca_column_info *ret)
{
    if (index >= tca_column_count)
        return false;
    const struct tca_column_def *c = &tca_columns[index];
    *ret = (struct tca_column_info){
        .table = c->table, .name = c->name, .type = c->type, .unit = c->unit, .meaning = c->meaning};
    return true;
}

bool tca_filter_compiles(const char *expression)
{
    struct tca_error words;
    return tca_source_check_filter(expression, &words) == TCA_OK;
}

const char *tca_version(void)
{
    return TCA_VERSION;
}

void tca_version_details(char *text, size_t room)
{
    char tables[160];
    tca_table_names(tables, sizeof tables, " 1"); /* all are as they first were: columns are only appended */
    snprintf(text, room, "%s\nlibcsv %s\n%s\ntable schemas: %s\n", tca_source_library(), tca_csv_library(),
             tca_input_library() ? tca_input_library()
                                 : "no libarchive: compressed captures and archives are named, not read",
             tables);
}
