/* SPDX-License-Identifier: MIT
 *
 * run.csv: what ran, when, on how much. The only table that differs between equal runs.
 */
#include "product.h"
#include "signals.h"

#include <string.h>
#include <tcpautopsy/registry.h>
#include <tcpautopsy/text.h>
#include <time.h>

/* One key and the words of its value. Always quoted, so that no reader trips over what was typed. */
static void put_run(FILE *file, const char *key, const char *const *word, size_t count)
{
    fprintf(file, "%s,\"", key);
    if (count && tca_text_is_formula(word[0]))
        putc('\'', file);
    for (size_t i = 0; i < count; i++) {
        if (i)
            putc(' ', file);
        for (const char *text = word[i]; *text;) {
            size_t length = tca_text_plain(text);
            if (*text == '"')
                putc('"', file);
            if (length)
                fwrite(text, 1, length, file);
            else
                fprintf(file, "\\x%02x", (unsigned char)*text);
            text += length ? length : 1;
        }
    }
    fputs("\"\n", file);
}

static void put_run_text(FILE *file, const char *key, const char *value)
{
    put_run(file, key, &value, 1);
}

static void put_run_count(FILE *file, const char *key, size_t count)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    put_run_text(file, key, text);
}

int run_table_write(const struct result *result, struct output *out)
{
    char details[1024], finished[64], *rest = NULL;
    time_t now = time(NULL);
    struct tm tm;
    fputs("key,value\n", out->file);
    put_run_text(out->file, "program", "tcpautopsy");
    put_run_text(out->file, "version", tca_version());
    tca_version_details(details, sizeof details);
    for (char *line = strtok_r(details, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        put_run_text(out->file, "details", line);
    put_run(out->file, "arguments", (const char *const *)result->argv + 1, (size_t)result->argc - 1);
    put_run_count(out->file, "captures", result->captures);
    put_run_count(out->file, "captures_unreadable", result->unreadable);
    put_run_text(out->file, "interrupted", signals_any() ? "true" : "false");
    if (gmtime_r(&now, &tm) && strftime(finished, sizeof finished, "%Y-%m-%dT%H:%M:%SZ", &tm))
        put_run_text(out->file, "finished", finished);
    return ferror(out->file) ? TCA_EOUTPUT : 0;
}
