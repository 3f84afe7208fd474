/* SPDX-License-Identifier: MIT
 *
 * scan: many captures become the tables of `report`, through parts that outlive a kill.
 *
 *     inputs -> plan -> manifest ------------------------------ compared with the one that is there
 *                 |        journal --------------------------- locked; what was done before
 *                 +-> lots without a part -> workers -> parts
 *                                    all parts -> assemble -> tables -> journal -> parts removed
 *
 * What was done before is told by the parts themselves: each appears under its name only when it is whole, and says whose it is.
 * The journal is for people, for the lock, and for what no part tells: that the tables are there. With --shard all ends with the
 * parts, and merge makes the tables.
 */
#include "scan.h"

#include "cells.h"
#include "confine.h"
#include "gather.h"
#include "intake.h"
#include "journal.h"
#include "leftover.h"
#include "planned.h"
#include "say.h"
#include "setup.h"
#include "signals.h"
#include "workers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scan {
    struct result result;
    const struct request *req;
    const char *directory;
    char *folder, *manifest_path; /* owned: DIR/parts, DIR/manifest.csv */
    struct tca_settings *set;     /* as report would have them */
    struct tca_plan *plan;
    struct shares shares;
    struct manifest manifest;
    struct journal journal;
    struct parts parts;
    struct confined confined;
};

static int memory_out(void)
{
    say("memory is out: close other programs");
    return TCA_EMEMORY;
}

/* ---- before reading ---- */

static bool check_directory(const struct request *req)
{
    const char *path = request_value(req, OPTION_output, NULL);
    if (path && !is_stdin(path))
        return true;
    say("scan needs a directory: -o DIR");
    return false;
}

static bool check_request(const struct request *req)
{
    const char *most = request_value(req, OPTION_max_errors, "0");
    bool from_stdin = false;
    uint64_t number;
    for (size_t at = 0; at < req->capture_count; at++)
        from_stdin |= is_stream(req->capture[at]);
    if (!req->capture_count)
        say("no capture given: name files, directories, or @FILE with a list of them");
    else if (from_stdin)
        say("standard input and pipes can be read once, and scan may have to read again: save it as a file "
            "and "
            "name that");
    else if (request_has(req, OPTION_shard) && request_has(req, OPTION_fail_on))
        say("a shard judges nothing: give --fail-on to merge");
    else if (request_has(req, OPTION_shard) && request_has(req, OPTION_anonymize))
        say("the parts of a shard hold real addresses: give --anonymize to merge");
    else if (!cell_count(most, &number))
        say("--max-errors '%s': wants a number", most);
    else
        return request_color_known(req) && request_form_known(req);
    return false;
}

static int open_paths(struct scan *scan)
{
    struct stat st;
    scan->directory = request_value(scan->req, OPTION_output, ".");
    if (stat(scan->directory, &st) == 0 && !S_ISDIR(st.st_mode)) {
        say("%s: is no directory: choose another name for -o", scan->directory);
        return TCA_EOUTPUT;
    }
    if (asprintf(&scan->folder, "%s/parts", scan->directory) < 0)
        scan->folder = NULL;
    if (asprintf(&scan->manifest_path, "%s/manifest.csv", scan->directory) < 0)
        scan->manifest_path = NULL;
    return scan->folder && scan->manifest_path ? 0 : memory_out();
}

/* The plan as it is, with the share of each item where there are several. */
static int print_plan(struct scan *scan)
{
    int code = manifest_of(scan->req, scan->plan, &scan->shares, &scan->manifest);
    unsigned *share = calloc(scan->manifest.item_count + 1, sizeof *share);
    for (size_t lot = 0; share && !code && lot < scan->manifest.lot_count; lot++)
        for (size_t at = 0; at < scan->manifest.lot[lot].count; at++)
            share[scan->manifest.lot[lot].first + at] = scan->manifest.lot[lot].share;
    if (!code && !share)
        code = memory_out();
    if (!code)
        planned_print(scan->plan, scan->shares.asked && scan->shares.by == BY_SERIES ? share : NULL);
    free(share);
    return code;
}

/* The scan that is in the directory, if there is one, must be this one. */
static int meet_manifest(struct scan *scan, const struct manifest *there, bool any)
{
    int code = manifest_of(scan->req, scan->plan, &scan->shares, &scan->manifest);
    if (!code && any && !manifest_same(there, &scan->manifest, scan->manifest_path))
        code = TCA_EUSAGE;
    return code;
}

static int make_plan(struct scan *scan, const struct manifest *there, bool any, bool *ret_printed)
{
    int code = intake_plan(scan->req, &scan->plan);
    if (code || signals_any())
        return code; /* half a plan is none */
    if (!shares_of(scan->req, any ? there->shares : 0, tca_plan_items(scan->plan), &scan->shares))
        return TCA_EUSAGE;
    *ret_printed = request_has(scan->req, OPTION_plan);
    return *ret_printed ? print_plan(scan) : meet_manifest(scan, there, any);
}

static int open_plan(struct scan *scan, bool *ret_printed)
{
    struct manifest there = {0};
    bool any = false;
    int code = request_has(scan->req, OPTION_output) ? manifest_read(scan->manifest_path, &there, &any) : 0;
    if (!code)
        code = make_plan(scan, &there, any, ret_printed);
    manifest_done(&there);
    return code;
}

static int open_directory(struct scan *scan)
{
    struct manifest there;
    bool any;
    int code = product_directory(scan->directory);
    if (!code)
        code = product_directory(scan->folder);
    if (!code)
        code = journal_open(&scan->journal, scan->directory, &scan->manifest, &scan->shares,
                            request_has(scan->req, OPTION_resume));
    if (!code)
        code = manifest_read(scan->manifest_path, &there, &any);
    if (code)
        return code;
    if (!any)
        return manifest_put(&scan->manifest, scan->manifest_path);
    bool same = manifest_same(&there, &scan->manifest, scan->manifest_path);
    manifest_done(&there);
    return same ? 0 : TCA_EUSAGE;
}

/* ---- what is there ---- */

static bool is_mine(const struct scan *scan, size_t lot)
{
    return scan->manifest.by == BY_HASH || scan->manifest.lot[lot].share == scan->shares.share;
}

/* The part of this lot, if it is there and ours. */
static int look_for(struct scan *scan, size_t lot)
{
    char name[64], *path;
    manifest_part_name(&scan->manifest, lot, scan->shares.share, name);
    if (asprintf(&path, "%s/%s", scan->folder, name) < 0)
        return memory_out();
    int code = access(path, F_OK) == 0 ? gather_part(&scan->parts, path) : 0;
    free(path);
    return code;
}

static char **my_part(const struct scan *scan, size_t lot)
{
    return parts_at(&scan->parts, lot, scan->shares.share);
}

/* sound: each was looked through before, or written, by this run. */
static int look_for_all(struct scan *scan, bool sound)
{
    int code = parts_new(&scan->manifest, &scan->parts);
    scan->parts.sound = sound;
    for (size_t lot = 0; !code && lot < scan->manifest.lot_count; lot++)
        if (is_mine(scan, lot))
            code = look_for(scan, lot);
    return code;
}

/* ---- reading ---- */

/* Lots without a part. */
static void list_work(const struct scan *scan, struct works *works, size_t *lot)
{
    works->lot = lot;
    for (size_t at = 0; at < scan->manifest.lot_count; at++) {
        if (!is_mine(scan, at))
            continue;
        if (*my_part(scan, at)) {
            works->items_before += scan->manifest.lot[at].count;
        } else {
            works->items += scan->manifest.lot[at].count;
            lot[works->count++] = at;
        }
    }
}

/* The largest first, so that no thread ends long after the others. */
static int sort_work(const struct scan *scan, const struct works *works, size_t *lot)
{
    uint64_t *work = calloc(scan->manifest.lot_count + 1, sizeof *work);
    if (!work)
        return memory_out();
    for (size_t at = 0; at < scan->manifest.lot_count; at++)
        work[at] = scan->manifest.lot[at].work;
    shares_sort(work, lot, works->count);
    free(work);
    return 0;
}

static void say_stopped(const struct scan *scan, const struct works *works)
{
    if (works->too_many)
        say("more than %s captures could not be read: stopped; go on with --resume",
            request_value(scan->req, OPTION_max_errors, "0"));
    else if (!request_has(scan->req, OPTION_quiet))
        say("interrupted: what was read is kept, go on with --resume");
}

static int read_all(struct scan *scan, struct works *works)
{
    *works = (struct works){.req = scan->req,
                            .plan = scan->plan,
                            .manifest = &scan->manifest,
                            .shares = &scan->shares,
                            .journal = &scan->journal,
                            .parts = scan->folder};
    size_t *lot = calloc(scan->manifest.lot_count + 1, sizeof *lot);
    if (!lot)
        return memory_out();
    list_work(scan, works, lot);
    int code = sort_work(scan, works, lot);
    if (!code)
        code = workers_run(works);
    free(lot);
    works->lot = NULL;
    if (!code && (works->too_many || signals_any()))
        say_stopped(scan, works);
    return code;
}

/* ---- ending ---- */

/* A leftover_ours_fn. */
static bool is_manifest(const void *user, const char *name)
{
    (void)user;
    return strcmp(name, "manifest.csv") == 0;
}

/* Another one: a part that this process writes, or has written. The others' are theirs to remove. */
static bool is_my_part(const void *user, const char *name)
{
    const struct scan *scan = user;
    char mine[64];
    unsigned long long number = strtoull(name, NULL, 10);
    if (!number || number > scan->manifest.lot_count || !is_mine(scan, number - 1))
        return false;
    manifest_part_name(&scan->manifest, number - 1, scan->shares.share, mine);
    return strcmp(name, mine) == 0;
}

/* What this scan left half written where it was killed. */
static void remove_torn(const struct scan *scan)
{
    leftover_remove(scan->directory, is_manifest, NULL);
    leftover_remove(scan->folder, is_my_part, scan);
}

/* Needs no memory, so that nothing stays of a scan that ended well. */
static void remove_parts(const struct scan *scan)
{
    int folder = open(scan->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t lot = 0; folder >= 0 && lot < scan->manifest.lot_count; lot++) {
        char name[64];
        manifest_part_name(&scan->manifest, lot, scan->shares.share, name);
        unlinkat(folder, name, 0);
    }
    if (folder >= 0)
        close(folder);
    rmdir(scan->folder);
}

static void clean_up(const struct scan *scan)
{
    remove_torn(scan);
    if (!request_has(scan->req, OPTION_keep_parts))
        remove_parts(scan);
}

/* What --fail-on asked for, for one that asks again when the parts are gone. */
static char *told_of(const struct scan *scan, enum exit_code found)
{
    char *text = NULL;
    const char *list = request_value(scan->req, OPTION_fail_on, NULL);
    if (!list)
        return strdup("");
    return asprintf(&text, "%s:%d", list, found == EXIT_FOUND) < 0 ? NULL : text;
}

static enum exit_code write_tables(struct scan *scan)
{
    struct result *result = &scan->result;
    int code = look_for_all(scan, true);
    if (!code && parts_missing(&scan->parts)) {
        parts_say_missing(&scan->parts);
        return EXIT_OUTPUT;
    }
    if (!code)
        code = assemble(&scan->parts, scan->set, scan->directory, result);
    if (code)
        return exit_for(code);
    if (signals_any()) {
        say("interrupted: what was read is kept, go on with --resume");
        return signals_exit();
    }
    enum exit_code found = product_fail_on(result);
    char *told = told_of(scan, found);
    if (!told)
        return exit_for(memory_out());
    code = journal_tables(&scan->journal, result->captures, result->unreadable, told);
    free(told);
    if (code)
        return exit_for(code);
    clean_up(scan);
    return result->unreadable ? EXIT_INPUT : found;
}

/* ---- a scan that was over before ---- */

static bool tables_there(const struct scan *scan)
{
    for (int at = 0; at < PRODUCT_FILES; at++) {
        char *path;
        bool there = asprintf(&path, "%s/%s", scan->directory, product_file(scan->req, at)) >= 0 &&
                     access(path, R_OK) == 0;
        if (!there)
            say("%s: the scan was over and its parts are gone, and so is %s: scan into another directory",
                scan->directory, product_file(scan->req, at));
        free(path);
        if (!there)
            return false;
    }
    return true;
}

static bool copy_summary(const struct scan *scan)
{
    char block[4096], *path;
    if (asprintf(&path, "%s/%s", scan->directory, product_file(scan->req, PRODUCT_SUMMARY)) < 0)
        return false;
    FILE *file = fopen(path, "r");
    for (size_t got; file && (got = fread(block, 1, sizeof block, file));)
        fwrite(block, 1, got, stdout);
    if (file)
        fclose(file);
    free(path);
    return file != NULL;
}

static enum exit_code tell_again(struct scan *scan)
{
    const char *list = request_value(scan->req, OPTION_fail_on, NULL), *told = scan->journal.told;
    size_t length = list ? strlen(list) : 0;
    if (!tables_there(scan) || !copy_summary(scan))
        return EXIT_OUTPUT;
    clean_up(scan);
    if (!request_has(scan->req, OPTION_quiet))
        say("%s: the scan was over already", scan->directory);
    if (scan->journal.faults)
        return EXIT_INPUT;
    if (list && (strncmp(told, list, length) != 0 || told[length] != ':')) {
        say("--fail-on %s: was not asked while the parts were there: scan into another directory", list);
        return EXIT_USAGE;
    }
    return list && told[length + 1] == '1' ? EXIT_FOUND : EXIT_DONE;
}

/* ---- all of it ---- */

static enum exit_code end_shard(const struct scan *scan, const struct works *works)
{
    remove_torn(scan);
    if (!request_has(scan->req, OPTION_quiet))
        say("shard %u of %u: %zu items are read: merge joins them when all shards are", scan->shares.share,
            scan->shares.count, works->items_before + works->items);
    return works->faults || scan->journal.read_faults ? EXIT_INPUT : EXIT_DONE;
}

static enum exit_code run(struct scan *scan)
{
    struct works works;
    int code = look_for_all(scan, false);
    if (!code && scan->journal.tables && parts_missing(&scan->parts))
        return tell_again(scan);
    if (!code)
        code = read_all(scan, &works);
    parts_done(&scan->parts); /* what is there now is looked at again */
    if (code)
        return exit_for(code);
    if (works.too_many)
        return EXIT_INPUT;
    if (signals_any())
        return signals_exit();
    return scan->shares.asked ? end_shard(scan, &works) : write_tables(scan);
}

/* What no session could be opened with must not begin a scan. */
static int try_settings(const struct scan *scan)
{
    struct tca_session *session = NULL;
    struct tca_error error = {.offset = -1};
    int code = tca_session_open(scan->set, &session, &error);
    if (code)
        say_error(NULL, &error);
    tca_session_free(session);
    return code;
}

static int open_scan(struct scan *scan, struct request *req, bool *ret_printed)
{
    int code = setup_new(scan->req, &scan->set);
    if (code)
        return code;
    scan->confined = confine(scan->req);
    code = try_settings(scan);
    if (!code)
        code = intake_sift(req);
    if (code)
        return code;
    setup_say_left_aside(scan->req, scan->set);
    code = open_paths(scan);
    if (!code)
        code = open_plan(scan, ret_printed);
    if (!code && !*ret_printed && !signals_any())
        code = open_directory(scan);
    return code;
}

static void close_scan(struct scan *scan)
{
    tca_session_free(scan->result.session);
    parts_done(&scan->parts);
    journal_close(&scan->journal);
    manifest_done(&scan->manifest);
    tca_plan_free(scan->plan);
    tca_settings_free(scan->set);
    free(scan->folder);
    free(scan->manifest_path);
    confine_end(&scan->confined);
}

/* --missing: what merge says of this directory alone. */
static enum exit_code print_missing(struct request *req)
{
    const char *directory = request_value(req, OPTION_output, ".");
    struct manifest manifest;
    struct parts parts = {0};
    char *where = NULL;
    confine(req);
    int code = gather_manifest(directory, &manifest, &where);
    if (!code && !where) {
        say("%s: no scan was begun here: no shard is there", directory);
        code = TCA_EINPUT;
    }
    if (!code)
        code = parts_new(&manifest, &parts);
    if (!code)
        code = gather_directory(&parts, directory);
    if (!code)
        code = parts_print_missing(&parts);
    parts_done(&parts);
    manifest_done(&manifest);
    free(where);
    return code ? exit_for(code) : EXIT_DONE;
}

enum exit_code scan_captures(struct request *req, int argc, char **argv)
{
    struct scan scan = {
        .req = req, .result = {.req = req, .argc = argc, .argv = argv}, .journal = {.file = -1}};
    bool printed = false;
    if (!request_has(req, OPTION_plan) && !check_directory(req))
        return EXIT_USAGE;
    if (request_has(req, OPTION_missing))
        return print_missing(req);
    int code = intake_open(req, true);
    if (code)
        return exit_for(code);
    if (!check_request(req))
        return EXIT_USAGE;
    signals_catch();
    code = open_scan(&scan, req, &printed);
    enum exit_code status = code                                  ? exit_for(code)
                            : signals_any() && !scan.journal.path ? signals_exit()
                            : printed                             ? EXIT_DONE
                                                                  : run(&scan);
    close_scan(&scan);
    return status;
}
