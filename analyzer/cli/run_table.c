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

/* How a form writes a row. */
static const struct form {
    const char *header, *before, *between, *after;
    const char *quote, *backslash; /* as they stand within a value */
} csv = {"key,value\n", "", ",\"", "\"\n", "\"\"", "\\"},
  jsonl = {"", "{\"key\":\"", "\",\"value\":\"", "\"}\n", "\\\"", "\\\\"};

struct table {
    FILE *file;
    const struct form *form;
};

static void put_word(const struct table *to, const char *text)
{
    while (*text) {
        size_t length = tca_text_plain(text);
        if (*text == '"')
            fputs(to->form->quote, to->file);
        else if (*text == '\\')
            fputs(to->form->backslash, to->file);
        else if (length)
            fwrite(text, 1, length, to->file);
        else
            fprintf(to->file, "%sx%02x", to->form->backslash, (unsigned char)*text);
        text += length ? length : 1;
    }
}

/* One key and the words of its value. Always quoted, so that no reader trips over what was typed. */
static void put_run(const struct table *to, const char *key, const char *const *word, size_t count)
{
    fprintf(to->file, "%s%s%s", to->form->before, key, to->form->between);
    if (count && tca_text_is_formula(word[0]))
        putc('\'', to->file);
    for (size_t i = 0; i < count; i++) {
        if (i)
            putc(' ', to->file);
        put_word(to, word[i]);
    }
    fputs(to->form->after, to->file);
}

static void put_run_text(const struct table *to, const char *key, const char *value)
{
    put_run(to, key, &value, 1);
}

static void put_run_count(const struct table *to, const char *key, size_t count)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    put_run_text(to, key, text);
}

int run_table_write(const struct result *result, struct output *out, bool as_jsonl)
{
    char details[1024], finished[64], *rest = NULL;
    time_t now = time(NULL);
    struct tm tm;
    const struct table to = {out->file, as_jsonl ? &jsonl : &csv};
    fputs(to.form->header, out->file);
    put_run_text(&to, "program", "tcpautopsy");
    put_run_text(&to, "version", tca_version());
    tca_version_details(details, sizeof details);
    for (char *line = strtok_r(details, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        put_run_text(&to, "details", line);
    if (request_has(result->req, OPTION_anonymize)) /* the key is one of them, and filters name hosts */
        put_run_text(&to, "arguments", "(left out)");
    else
        put_run(&to, "arguments", (const char *const *)result->argv + 1, (size_t)result->argc - 1);
    put_run_count(&to, "captures", result->captures);
    put_run_count(&to, "captures_unreadable", result->unreadable);
    put_run_text(&to, "interrupted", signals_any() ? "true" : "false");
    if (gmtime_r(&now, &tm) && strftime(finished, sizeof finished, "%Y-%m-%dT%H:%M:%SZ", &tm))
        put_run_text(&to, "finished", finished);
    return ferror(out->file) ? TCA_EOUTPUT : 0;
}
