/* SPDX-License-Identifier: MIT
 *
 * findings and schema: the library's registries, printed. Both go to standard output through stdio; main
 * checks that all of it arrived.
 */
#include "catalog.h"

#include "say.h"

#include <stdio.h>
#include <string.h>
#include <tcpautopsy/registry.h>

/* ---- findings ---- */

static const char *text_of(const char *text)
{
    return text && text[0] ? text : "-";
}

static void print_finding(const struct tca_finding_info *f)
{
    printf("%s\n", f->id);
    printf("  severity  %s\n", text_of(f->severity));
    printf("  belongs   %s, told as %s\n", text_of(f->scope), text_of(f->column));
    printf("  seen in   %s\n", text_of(f->origin));
    help_wrap("  meaning   ", text_of(f->meaning));
    help_wrap("  proof     ", text_of(f->proof));
    help_wrap("  doubt     ", text_of(f->doubt));
    help_wrap("  host      ", text_of(f->host));
}

static void print_all_findings(void)
{
    struct tca_finding_info f;
    for (size_t i = 0; tca_registry_finding(i, &f); i++) {
        char head[32];
        printf("%s\n", f.id);
        snprintf(head, sizeof head, "    %-7s ", text_of(f.severity));
        help_wrap(head, text_of(f.meaning));
    }
}

void say_no_finding(const char *where, const char *id)
{
    const char *near = tca_registry_nearest_finding(id);
    say("%sno finding '%s': %s%s%s", where, id, near ? "did you mean '" : "see tcpautopsy findings",
        near ? near : "", near ? "'?" : "");
}

enum exit_code catalog_findings(const struct request *req)
{
    struct tca_finding_info f;
    if (!req->word) {
        print_all_findings();
        return EXIT_DONE;
    }
    if (tca_registry_finding_by_id(req->word, &f)) {
        print_finding(&f);
        return EXIT_DONE;
    }
    say_no_finding("", req->word);
    return EXIT_USAGE;
}

/* ---- schema ---- */

/* `before` is the column printed before this one, NULL for the first. */
typedef void schema_row(const struct tca_column_info *column, const struct tca_column_info *before);
typedef void schema_end(const struct tca_column_info *last);

static bool new_table(const struct tca_column_info *column, const struct tca_column_info *before)
{
    return !before || strcmp(column->table, before->table) != 0;
}

static void text_row(const struct tca_column_info *column, const struct tca_column_info *before)
{
    char head[64];
    if (new_table(column, before))
        printf("%s%s\n", before ? "\n" : "", column->table);
    snprintf(head, sizeof head, "  %-21s %-8s %-6s ", column->name, column->type, column->unit);
    help_wrap(head, column->meaning);
}

/* Meanings may hold commas, never quote marks or line ends (columns.def). */
static void csv_row(const struct tca_column_info *column, const struct tca_column_info *before)
{
    if (!before)
        puts("table,column,type,unit,meaning");
    printf("%s,%s,%s,%s,%s%s%s\n", column->table, column->name, column->type, column->unit,
           strchr(column->meaning, ',') ? "\"" : "", column->meaning,
           strchr(column->meaning, ',') ? "\"" : "");
}

static void json_row(const struct tca_column_info *column, const struct tca_column_info *before)
{
    printf("%s  {\"table\": \"%s\", \"column\": \"%s\", \"type\": \"%s\", \"unit\": ", before ? ",\n" : "[\n",
           column->table, column->name, column->type);
    if (column->unit[0])
        printf("\"%s\"", column->unit);
    else
        printf("null");
    printf(", \"meaning\": \"%s\"}", column->meaning);
}

static void json_end(const struct tca_column_info *last)
{
    (void)last;
    puts("\n]");
}

/* Types that sqlite3 and DuckDB both take. */
static const char *sql_type(const char *type)
{
    static const struct {
        const char *type, *sql;
    } known[] = {
        {"int", "BIGINT"}, {"seconds", "DECIMAL(20,9)"}, {"number", "DECIMAL(28,9)"}, {"time", "TIMESTAMP"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(type, known[i].type) == 0)
            return known[i].sql;
    return "TEXT";
}

static void sql_row(const struct tca_column_info *column, const struct tca_column_info *before)
{
    if (new_table(column, before))
        printf("%sCREATE TABLE \"%s\" (\n", before ? "\n);\n" : "", column->table);
    else
        puts(",");
    printf("  \"%s\" %s", column->name, sql_type(column->type));
}

static void sql_end(const struct tca_column_info *last)
{
    (void)last;
    puts("\n);");
}

static const struct schema_format {
    const char *name;
    schema_row *row;
    schema_end *end; /* NULL where nothing ends it */
} schema_formats[] = {{"text", text_row, NULL},
                      {"csv", csv_row, NULL},
                      {"json", json_row, json_end},
                      {"sql", sql_row, sql_end}};

static const struct schema_format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof schema_formats / sizeof schema_formats[0]; i++)
        if (strcmp(name, schema_formats[i].name) == 0)
            return &schema_formats[i];
    say("--format %s: schema has text, csv, json, sql", name);
    return NULL;
}

static bool table_exists(const char *table)
{
    struct tca_column_info info;
    struct nearest near = nearest_to(table);
    for (size_t i = 0; tca_registry_column(i, &info); i++) {
        if (strcmp(info.table, table) == 0)
            return true;
        nearest_offer(&near, info.table);
    }
    if (near.best)
        say("no table '%s': did you mean '%s'?", table, near.best);
    else
        say("no table '%s': see tcpautopsy schema", table);
    return false;
}

enum exit_code catalog_schema(const struct request *req)
{
    const struct schema_format *format = find_format(request_value(req, OPTION_format, "text"));
    if (!format || (req->word && !table_exists(req->word)))
        return EXIT_USAGE;
    struct tca_column_info column, before;
    bool any = false;
    for (size_t i = 0; tca_registry_column(i, &column); i++) {
        if (req->word && strcmp(column.table, req->word) != 0)
            continue;
        format->row(&column, any ? &before : NULL);
        before = column;
        any = true;
    }
    if (any && format->end)
        format->end(&before);
    return EXIT_DONE;
}
