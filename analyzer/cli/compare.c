/* SPDX-License-Identifier: MIT
 *
 * diff: what differs on standard output, a line each; how much of it on standard error.
 */
#include "compare.h"

#include "confine.h"
#include "output.h"
#include "say.h"

#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/diff.h>

/* ---- before reading ---- */

static bool check_output(const struct request *req, const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return true;
    for (size_t i = 0; i < req->capture_count; i++) {
        bool folder = stat(req->capture[i], &st) == 0 && S_ISDIR(st.st_mode);
        bool same = output_same_file(path, req->capture[i]) && !S_ISCHR(st.st_mode);
        if (same || (folder && output_lies_in(path, req->capture[i]))) {
            say("%s: would overwrite an input, or lie among them: choose another name for -o", path);
            return false;
        }
    }
    return true;
}

static enum exit_code exit_for(int code)
{
    return code == TCA_EUSAGE ? EXIT_USAGE : code == TCA_EINPUT ? EXIT_INPUT : EXIT_OUTPUT;
}

/* ---- comparing ---- */

static int apply_options(const struct request *req, struct tca_diff *diff)
{
    int r = 0;
    for (size_t i = 0; i < req->given_count && r == 0; i++) {
        const struct option_info *info = &option_table[req->given[i].option];
        struct tca_error error = {.offset = -1};
        if (info->kind != KIND_SETTING)
            continue;
        r = tca_diff_set(diff, info->name, req->given[i].value, &error);
        if (r != 0)
            say_error(NULL, &error);
    }
    return r;
}

/* "3 rows equal, 1 row differs, 2 rows only in A": parts that are none are left out. */
static void say_counts(const struct tca_diff_counts *n)
{
    const struct {
        uint64_t count;
        const char *one, *many;
    } parts[] = {
        {n->differ, "row differs", "rows differ"},
        {n->only_a, "row only in A", "rows only in A"},
        {n->only_b, "row only in B", "rows only in B"},
        {n->columns, "column only in one", "columns only in one"},
        {n->lone_tables, "table only in one", "tables only in one"},
    };
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, "%llu %s equal", (unsigned long long)n->equal,
                                   n->equal == 1 ? "row" : "rows");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].count)
            used += (size_t)snprintf(text + used, sizeof text - used, ", %llu %s",
                                     (unsigned long long)parts[i].count,
                                     parts[i].count == 1 ? parts[i].one : parts[i].many);
    say("%s", text);
}

static enum exit_code run_diff(const struct request *req, struct tca_diff *diff, struct output *out)
{
    struct tca_diff_counts counts;
    struct tca_error error = {.offset = -1};
    int r = tca_diff_run(diff, req->capture[0], req->capture[1], output_write, out, &counts, &error);
    if (r != 0) {
        if (!out->failed) {
            say_error(counts.file, &error);
            output_abort(out);
            return exit_for(r);
        }
        output_commit(out); /* says why it cannot */
        return EXIT_OUTPUT;
    }
    if (!output_commit(out))
        return EXIT_OUTPUT;
    if (!request_has(req, OPTION_quiet))
        say_counts(&counts);
    return tca_diff_found(&counts) ? EXIT_FOUND : EXIT_DONE;
}

enum exit_code compare_tables(const struct request *req)
{
    const char *path = request_value(req, OPTION_output, "-");
    struct output out;
    if (req->capture_count != 2) {
        say("diff compares two tables: diff A B, CSV files or folders of them");
        return EXIT_USAGE;
    }
    if (!check_output(req, path))
        return EXIT_USAGE;
    struct tca_diff *diff = tca_diff_new();
    if (!diff) {
        say("memory is out: close other programs");
        return EXIT_OUTPUT;
    }
    int r = apply_options(req, diff);
    if (r == 0)
        confine(req);
    enum exit_code code = r != 0                     ? exit_for(r)
                          : !output_open(&out, path) ? EXIT_OUTPUT
                                                     : run_diff(req, diff, &out);
    tca_diff_free(diff);
    return code;
}
