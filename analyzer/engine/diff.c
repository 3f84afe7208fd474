/* SPDX-License-Identifier: MIT
 *
 * The public face of the comparison: its options, files or folders, and which names the user may use. Names are checked
 * against the headers of all tables before anything is compared, so that a wrong one is told at once.
 */
#include <tcpautopsy/diff.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "report/nearest.h"
#include "report/row.h"
#include "report/table_diff.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAMES_MAX = 1024 };

struct tca_diff {
    struct tca_diff_rules rules; /* owned */
    size_t key_room, ignore_room, tolerance_room;
    char *temp_dir;
    char *fault; /* path of the input that failed */
};

/* ---- options ---- */

struct tca_diff *tca_diff_new(void)
{
    return tca_alloc(sizeof(struct tca_diff));
}

static void free_names(char **name, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tca_free(name[i]);
    tca_free(name);
}

void tca_diff_free(struct tca_diff *d)
{
    if (!d)
        return;
    free_names(d->rules.key, d->rules.key_count);
    free_names(d->rules.ignore, d->rules.ignore_count);
    for (size_t i = 0; i < d->rules.tolerance_count; i++)
        tca_free(d->rules.tolerance[i].column);
    tca_free(d->rules.tolerance);
    tca_free(d->temp_dir);
    tca_free(d->fault);
    tca_free(d);
}

static char *copy_of(const char *text, size_t length)
{
    char *copy = tca_alloc(length + 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

static int add_name(char ***list, size_t *count, size_t *room, const char *text, size_t length)
{
    char *copy = copy_of(text, length), **more = tca_room(*list, *count, room, sizeof *more);
    if (more)
        *list = more;
    if (!copy || !more) {
        tca_free(copy);
        return TCA_EMEMORY;
    }
    more[(*count)++] = copy;
    return TCA_OK;
}

static int add_names(const char *option, char ***list, size_t *count, size_t *room, const char *value,
                     struct tca_error *error)
{
    for (const char *at = value;; at++) {
        size_t length = strcspn(at, ",");
        if (!length)
            return tca_fail(error, TCA_EUSAGE, "%s '%s': an empty name: write COLUMN or COLUMN,COLUMN",
                            option, value);
        if (*count == NAMES_MAX)
            return tca_fail(error, TCA_EUSAGE, "%s: more than %d columns", option, NAMES_MAX);
        if (add_name(list, count, room, at, length))
            return tca_words(error, TCA_EMEMORY);
        at += length;
        if (!*at)
            return TCA_OK;
    }
}

static int add_tolerance(struct tca_diff *d, const char *value, struct tca_error *error)
{
    struct tca_diff_rules *rules = &d->rules;
    const char *sign = strchr(value, '=');
    struct tca_tolerance one = {0};
    if (!sign || sign == value || !tca_decimal_parse(sign + 1, strlen(sign + 1), &one.limit) ||
        one.limit.negative)
        return tca_fail(error, TCA_EUSAGE, "tolerance '%s': wants COLUMN=NUMBER, such as duration_s=0.001",
                        value);
    if (rules->tolerance_count == NAMES_MAX)
        return tca_fail(error, TCA_EUSAGE, "tolerance: more than %d columns", NAMES_MAX);
    struct tca_tolerance *more =
        tca_room(rules->tolerance, rules->tolerance_count, &d->tolerance_room, sizeof *more);
    if (!more)
        return tca_words(error, TCA_EMEMORY);
    rules->tolerance = more;
    one.column = copy_of(value, (size_t)(sign - value));
    if (!one.column)
        return tca_words(error, TCA_EMEMORY);
    more[rules->tolerance_count++] = one;
    return TCA_OK;
}

static int set_temp_dir(struct tca_diff *d, const char *value, struct tca_error *error)
{
    tca_free(d->temp_dir);
    d->temp_dir = tca_strdup(value);
    return d->temp_dir ? TCA_OK : tca_words(error, TCA_EMEMORY);
}

int tca_diff_set(struct tca_diff *d, const char *name, const char *value, struct tca_error *error)
{
    struct tca_diff_rules *rules = &d->rules;
    if (!strcmp(name, "key"))
        return add_names(name, &rules->key, &rules->key_count, &d->key_room, value, error);
    if (!strcmp(name, "ignore"))
        return add_names(name, &rules->ignore, &rules->ignore_count, &d->ignore_room, value, error);
    if (!strcmp(name, "tolerance"))
        return add_tolerance(d, value, error);
    if (!strcmp(name, "temp-dir"))
        return set_temp_dir(d, value, error);
    return tca_fail(error, TCA_EUSAGE, "no option '%s' of a comparison", name);
}

/* A key is compared exactly. */
static int check_rules(const struct tca_diff_rules *rules, struct tca_error *error)
{
    for (size_t k = 0; k < rules->key_count; k++) {
        if (tca_diff_ignores(rules, rules->key[k]))
            return tca_fail(error, TCA_EUSAGE, "column '%s' is a key and ignored: keep one of them",
                            rules->key[k]);
        for (size_t i = 0; i < rules->tolerance_count; i++)
            if (!strcmp(rules->tolerance[i].column, rules->key[k]))
                return tca_fail(error, TCA_EUSAGE,
                                "column '%s' is a key, which is compared exactly, and has a tolerance: keep "
                                "one of them",
                                rules->key[k]);
    }
    return TCA_OK;
}

/* ---- one comparison ---- */

/* A table of both, or of one of them. */
struct job {
    char *name;    /* owned; without .csv */
    char *path[2]; /* owned; NULL: that side has none */
};

struct comparison {
    struct tca_diff *d;
    struct job *job; /* owned, sorted by name */
    size_t job_count, job_room;
    bool folders;
    tca_write_fn *fn;
    void *user;
    struct tca_diff_counts *counts;
    struct tca_error *error;
};

/* A failure is about this file. */
static int blame(struct comparison *c, int code, const char *path)
{
    tca_free(c->d->fault);
    c->d->fault = tca_strdup(strcmp(path, "-") ? path : "standard input");
    c->counts->file = c->d->fault;
    return code;
}

static int open_both(struct comparison *c, const struct job *job, struct tca_reader *ret[2])
{
    ret[0] = ret[1] = NULL;
    for (int side = 0; side < 2; side++) {
        int code =
            job->path[side] ? tca_reader_open(job->path[side], c->d->temp_dir, &ret[side], c->error) : TCA_OK;
        if (code) {
            if (side)
                tca_reader_close(ret[0]);
            return blame(c, code, job->path[side]);
        }
    }
    return TCA_OK;
}

static void close_both(struct tca_reader *reader[2])
{
    for (int side = 0; side < 2; side++)
        tca_reader_close(reader[side]);
}

static int tell_lone_table(struct comparison *c, const struct job *job)
{
    struct tca_buf line = {0};
    tca_text_clean(&line, job->name, true);
    tca_buf_fmt(&line, ": only in %c\n", job->path[0] ? 'A' : 'B');
    int code = line.failed ? TCA_EMEMORY : c->fn(c->user, line.bytes, line.used) ? TCA_EOUTPUT : TCA_OK;
    tca_buf_done(&line);
    c->counts->lone_tables++;
    return tca_words(c->error, code);
}

static int compare(struct comparison *c, const struct job *job, struct tca_reader *reader[2])
{
    struct tca_table_pair pair;
    int fault = -1, code = tca_table_pair_init(&pair, reader[0], reader[1], &c->d->rules);
    if (code)
        tca_words(c->error, code);
    else
        code = tca_table_diff(&pair, &c->d->rules, c->folders || !pair.table ? job->name : pair.table, c->fn,
                              c->user, c->counts, &fault, c->error);
    tca_table_pair_done(&pair);
    return code && fault >= 0 ? blame(c, code, job->path[fault]) : code;
}

/* ---- names the user gave ---- */

/* What the headers of all tables say of one name: seen in A, in B, in both of one table; else the nearest one. */
struct sought {
    const char *option, *name;
    bool in[2], in_both;
    char near[64];
    unsigned distance;
};

static void seek(struct sought *s, const struct tca_reader *reader)
{
    struct tca_nearest near;
    tca_nearest_init(&near, s->name);
    if (s->near[0])
        near.distance = s->distance;
    for (size_t i = 0; reader && i < tca_reader_columns(reader); i++)
        tca_nearest_offer(&near, tca_reader_column(reader, i));
    if (near.best) {
        snprintf(s->near, sizeof s->near, "%s", near.best);
        s->distance = near.distance;
    }
}

static bool has_column(const struct tca_reader *reader, const char *name)
{
    for (size_t i = 0; reader && i < tca_reader_columns(reader); i++)
        if (!strcmp(tca_reader_column(reader, i), name))
            return true;
    return false;
}

static void look(struct sought *s, struct tca_reader *reader[2])
{
    bool in[2];
    for (int side = 0; side < 2; side++) {
        in[side] = has_column(reader[side], s->name);
        s->in[side] |= in[side];
        if (!in[side])
            seek(s, reader[side]);
    }
    s->in_both |= in[0] && in[1];
}

/* A key is of use only where both tables have it. */
static int judge(const struct sought *s, struct tca_error *error)
{
    bool key = !strcmp(s->option, "key");
    if (!s->in[0] && !s->in[1])
        return tca_fail(error, TCA_EUSAGE, "--%s: no column '%s': %s%s%s", s->option, s->name,
                        s->near[0] ? "did you mean '" : "see the header lines", s->near,
                        s->near[0] ? "'?" : "");
    if (key && !s->in_both)
        return tca_fail(error, TCA_EUSAGE, "--key: column '%s' is only in %c: choose one that both have",
                        s->name, s->in[0] ? 'A' : 'B');
    return TCA_OK;
}

struct sought_list {
    struct sought *one; /* owned */
    size_t count;
};

static int list_sought(const struct tca_diff_rules *rules, struct sought_list *ret)
{
    size_t count = rules->key_count + rules->ignore_count + rules->tolerance_count;
    *ret = (struct sought_list){.one = tca_alloc((count + 1) * sizeof *ret->one)};
    if (!ret->one)
        return TCA_EMEMORY;
    for (size_t i = 0; i < rules->key_count; i++)
        ret->one[ret->count++] = (struct sought){.option = "key", .name = rules->key[i]};
    for (size_t i = 0; i < rules->ignore_count; i++)
        ret->one[ret->count++] = (struct sought){.option = "ignore", .name = rules->ignore[i]};
    for (size_t i = 0; i < rules->tolerance_count; i++)
        ret->one[ret->count++] = (struct sought){.option = "tolerance", .name = rules->tolerance[i].column};
    return TCA_OK;
}

static void look_all(struct sought_list *list, struct tca_reader *reader[2])
{
    for (size_t i = 0; i < list->count; i++)
        look(&list->one[i], reader);
}

static int judge_all(const struct sought_list *list, struct tca_error *error)
{
    int code = TCA_OK;
    for (size_t i = 0; i < list->count && !code; i++)
        code = judge(&list->one[i], error);
    return code;
}

/* ---- files ---- */

/* The file's name without folder and ".csv". */
static char *table_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    if (!strcmp(path, "-"))
        return tca_strdup("table");
    if (length > 4 && !strcmp(name + length - 4, ".csv"))
        length -= 4;
    return copy_of(name, length);
}

/* Both are open throughout: a pipe can be read once. */
static int compare_files(struct comparison *c)
{
    struct tca_reader *reader[2];
    struct sought_list sought = {0};
    int code = open_both(c, &c->job[0], reader);
    if (code)
        return code;
    code = list_sought(&c->d->rules, &sought);
    if (code)
        tca_words(c->error, code);
    look_all(&sought, reader);
    if (!code)
        code = judge_all(&sought, c->error);
    if (!code)
        code = compare(c, &c->job[0], reader);
    tca_free(sought.one);
    close_both(reader);
    return code;
}

/* ---- folders ---- */

/* Files that tell of a run, not of the traffic. */
static bool is_of_run(const char *name)
{
    return !strcmp(name, "run.csv") || !strcmp(name, "manifest.csv") || !strcmp(name, "journal.csv");
}

static bool is_table(const char *folder, const char *name, char **ret_path)
{
    size_t length = strlen(name), room = strlen(folder) + length + 2;
    struct stat st;
    if (length <= 4 || strcmp(name + length - 4, ".csv") || is_of_run(name))
        return false;
    char *path = tca_alloc(room);
    if (path)
        snprintf(path, room, "%s/%s", folder, name);
    *ret_path = path;
    if (!path || (stat(path, &st) == 0 && S_ISREG(st.st_mode)))
        return true; /* without memory the path is NULL */
    tca_free(path);
    return false;
}

static int add_job(struct comparison *c, int side, char *path)
{
    struct job *more = path ? tca_room(c->job, c->job_count, &c->job_room, sizeof *more) : NULL;
    if (more)
        c->job = more;
    char *name = path ? table_name(path) : NULL;
    if (!more || !name) {
        tca_free(path);
        tca_free(name);
        return TCA_EMEMORY;
    }
    more[c->job_count] = (struct job){.name = name};
    more[c->job_count++].path[side] = path;
    return TCA_OK;
}

static int list_folder(struct comparison *c, int side, const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return blame(c, tca_fail(c->error, TCA_EINPUT, "cannot be read: %s", strerror(errno)), folder);
    int code = TCA_OK;
    char *path;
    for (struct dirent *entry; !code && (entry = readdir(dir));)
        if (is_table(folder, entry->d_name, &path))
            code = add_job(c, side, path);
    closedir(dir);
    return code ? tca_words(c->error, code) : TCA_OK;
}

static int by_name(const void *left, const void *right)
{
    const struct job *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* Two entries of one name become one. */
static void join_jobs(struct comparison *c)
{
    size_t kept = 0;
    if (c->job_count)
        qsort(c->job, c->job_count, sizeof *c->job, by_name);
    for (size_t i = 0; i < c->job_count; i++) {
        struct job *last = kept ? &c->job[kept - 1] : NULL, *one = &c->job[i];
        if (last && !strcmp(last->name, one->name)) {
            for (int side = 0; side < 2; side++)
                if (one->path[side])
                    last->path[side] = one->path[side];
            tca_free(one->name);
        } else {
            c->job[kept++] = *one;
        }
    }
    c->job_count = kept;
}

static int check_names(struct comparison *c)
{
    struct sought_list sought;
    int code = list_sought(&c->d->rules, &sought);
    if (code)
        return tca_words(c->error, code);
    for (size_t i = 0; sought.count && i < c->job_count && !code; i++) {
        struct tca_reader *reader[2];
        code = open_both(c, &c->job[i], reader);
        if (!code) {
            look_all(&sought, reader);
            close_both(reader);
        }
    }
    if (!code)
        code = judge_all(&sought, c->error);
    tca_free(sought.one);
    return code;
}

static int compare_job(struct comparison *c, const struct job *job)
{
    struct tca_reader *reader[2];
    if (!job->path[0] || !job->path[1])
        return tell_lone_table(c, job);
    int code = open_both(c, job, reader);
    if (code)
        return code;
    code = compare(c, job, reader);
    close_both(reader);
    return code;
}

static int compare_folders(struct comparison *c, const char *const path[2])
{
    int code = TCA_OK;
    for (int side = 0; side < 2 && !code; side++)
        code = list_folder(c, side, path[side]);
    if (!code) {
        join_jobs(c);
        code =
            c->job_count
                ? check_names(c)
                : blame(c, tca_fail(c->error, TCA_EINPUT, "no table (*.csv) in it, nor in the other folder"),
                        path[0]);
    }
    for (size_t i = 0; i < c->job_count && !code; i++)
        code = compare_job(c, &c->job[i]);
    return code;
}

/* ---- all of it ---- */

static bool is_folder(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Two tables, or two folders of them. */
static int check_kinds(struct comparison *c, const char *const path[2])
{
    struct stat st;
    for (int side = 0; side < 2; side++)
        if (strcmp(path[side], "-") != 0 && stat(path[side], &st) != 0)
            return blame(c, tca_fail(c->error, TCA_EINPUT, "cannot be opened: %s", strerror(errno)),
                         path[side]);
    if (is_folder(path[0]) != is_folder(path[1]))
        return tca_fail(c->error, TCA_EUSAGE, "a folder and a table: name two folders or two tables");
    if (!strcmp(path[0], "-") && !strcmp(path[1], "-"))
        return tca_fail(c->error, TCA_EUSAGE, "standard input can be read once: name a file for A or B");
    return TCA_OK;
}

static void jobs_done(struct comparison *c)
{
    for (size_t i = 0; i < c->job_count; i++) {
        tca_free(c->job[i].name);
        tca_free(c->job[i].path[0]);
        tca_free(c->job[i].path[1]);
    }
    tca_free(c->job);
}

/* The one job of two files. Named like A, or like B where A has no name. */
static int add_files(struct comparison *c, const char *const path[2])
{
    struct job job = {.name = table_name(strcmp(path[0], "-") ? path[0] : path[1]),
                      .path = {tca_strdup(path[0]), tca_strdup(path[1])}};
    c->job = tca_room(NULL, 0, &c->job_room, sizeof job);
    if (!c->job) {
        tca_free(job.name);
        tca_free(job.path[0]);
        tca_free(job.path[1]);
        return tca_words(c->error, TCA_EMEMORY);
    }
    c->job[c->job_count++] = job;
    return job.name && job.path[0] && job.path[1] ? TCA_OK : tca_words(c->error, TCA_EMEMORY);
}

int tca_diff_run(struct tca_diff *d, const char *a, const char *b, tca_write_fn *fn, void *user,
                 struct tca_diff_counts *counts, struct tca_error *error)
{
    const char *const path[2] = {a, b};
    struct tca_error local = {0};
    struct comparison c = {.d = d,
                           .folders = is_folder(a),
                           .fn = fn,
                           .user = user,
                           .counts = counts,
                           .error = error ? error : &local};
    *counts = (struct tca_diff_counts){0};
    int code = check_rules(&d->rules, c.error);
    if (!code)
        code = check_kinds(&c, path);
    if (!code)
        code = c.folders ? compare_folders(&c, path) : add_files(&c, path);
    if (!code && !c.folders)
        code = compare_files(&c);
    jobs_done(&c);
    return code;
}
