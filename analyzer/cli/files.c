/* SPDX-License-Identifier: MIT
 *
 * All files of a report, in one directory: made side by side by the session (tca_session_make), each under its name as soon as it is
 * whole. What has it keeps it, whatever becomes of the others.
 */
#include "intake.h"
#include "leftover.h"
#include "product.h"
#include "say.h"
#include "setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of those that are no tables what the session calls them. */
static const char *const text_name[PRODUCT_FILES] = {[PRODUCT_SUMMARY] = "summary", [PRODUCT_PAGE] = "page"};
enum form { CSV, JSONL, FORMS };
static const char *const name_of_file[FORMS][PRODUCT_FILES] = {
    [CSV] = {"flows.csv", "events.csv", "listeners.csv", "states.csv", "counters.csv", "settings.csv",
             "captures.csv", "summary.txt", "report.html", "run.csv"},
    [JSONL] = {"flows.jsonl", "events.jsonl", "listeners.jsonl", "states.jsonl", "counters.jsonl",
               "settings.jsonl", "captures.jsonl", "summary.txt", "report.html", "run.jsonl"}};

const char *product_file(const struct request *req, int product)
{
    return name_of_file[setup_jsonl(req) ? JSONL : CSV][product];
}

/* The last one is the front end's own. */
enum { MADE = PRODUCT_RUN };

struct text {
    char *bytes; /* owned */
    size_t length;
};

struct file {
    struct output out;
    char *path;        /* owned */
    struct text *copy; /* what goes into it, kept besides; NULL: nobody wants it */
    bool open, whole;
};

/* ---- one file ---- */

static int keep(struct text *text, const void *bytes, size_t count)
{
    char *more = realloc(text->bytes, text->length + count + 1);
    if (!more)
        return -1;
    memcpy(more + text->length, bytes, count);
    text->bytes = more;
    text->length += count;
    return 0;
}

/* A tca_write_fn. */
static int write_file(void *user, const void *bytes, size_t count)
{
    struct file *file = user;
    int r = output_write(&file->out, bytes, count);
    return r == 0 && file->copy ? keep(file->copy, bytes, count) : r;
}

static void end_file(struct tca_product *product)
{
    struct file *file = product->user;
    bool written = product->code == 0 || file->out.failed; /* else the words are the session's */
    file->whole = written && output_commit(&file->out);
    file->open = !written;
}

static int memory_out(void)
{
    say("memory is out: close other programs");
    return TCA_EMEMORY;
}

static int open_file(const struct request *req, struct file *file, const char *name, const char *directory)
{
    if (asprintf(&file->path, "%s/%s", directory, name) < 0) {
        file->path = NULL;
        return memory_out();
    }
    if (intake_overwritten(req, file->path, "-o"))
        return TCA_EUSAGE;
    file->open = output_open(&file->out, file->path);
    return file->open ? 0 : TCA_EOUTPUT;
}

/* 0, or why it is not there. */
static int close_file(struct file *file, const struct tca_product *product)
{
    int code = file->whole ? 0 : product->code ? product->code : TCA_EOUTPUT;
    if (file->open) {
        say_error(file->path, &product->error);
        output_abort(&file->out);
    }
    return code;
}

/* ---- all of them ---- */

static int open_files(const struct result *result, const char *directory, struct file *file,
                      struct tca_product *product)
{
    int r = 0;
    for (int i = 0; i < MADE && r == 0; i++) {
        r = open_file(result->req, &file[i], product_file(result->req, i), directory);
        product[i] = (struct tca_product){.name = product_table[i] ? product_table[i] : text_name[i],
                                          .form = setup_jsonl(result->req) ? "jsonl" : "csv",
                                          .columns = product_table[i] ? result->req->columns : NULL,
                                          .fn = write_file,
                                          .end = end_file,
                                          .user = &file[i]};
    }
    return r;
}

static int make_files(struct result *result, const char *directory, struct text *summary)
{
    struct file file[MADE] = {0};
    struct tca_product product[MADE] = {0};
    file[PRODUCT_SUMMARY].copy = summary;
    int r = open_files(result, directory, file, product);
    if (r == 0)
        tca_session_make(result->session, product, MADE);
    for (int i = 0; i < MADE; i++) {
        int code = 0;
        if (r != 0 && file[i].open)
            output_abort(&file[i].out);
        else if (r == 0)
            code = close_file(&file[i], &product[i]);
        r = r ? r : code;
        free(file[i].path);
    }
    return r;
}

static int write_run(struct result *result, const char *directory)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, product_file(result->req, PRODUCT_RUN)) < 0)
        return memory_out();
    int r =
        intake_overwritten(result->req, path, "-o") ? TCA_EUSAGE : product_write(result, PRODUCT_RUN, path);
    free(path);
    return r;
}

/* A leftover_ours_fn. */
static bool is_product(const void *user, const char *name)
{
    (void)user;
    for (int form = 0; form < FORMS; form++)
        for (int i = 0; i < PRODUCT_FILES; i++)
            if (strcmp(name, name_of_file[form][i]) == 0)
                return true;
    return false;
}

int product_directory(const char *directory)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        say_failed(directory, "cannot be made", true);
        return TCA_EOUTPUT;
    }
    return 0;
}

int product_write_all(struct result *result, const char *directory, bool show)
{
    struct text summary = {0};
    int r = make_files(result, directory, show ? &summary : NULL);
    if (r == 0)
        r = write_run(result, directory);
    if (r == 0)
        leftover_remove(directory, is_product, NULL);
    if (r == 0 && show)
        r = product_show(result, summary.bytes, summary.length);
    free(summary.bytes);
    return r;
}
