/* SPDX-License-Identifier: MIT
 *
 *     request -> what is read, what is written -> privileges.h: could another user do it?  -> lowered
 *                                              -> sandbox.h: all else                      -> closed
 *
 * Read: captures, parts, tables, as named. A folder is allowed as a whole, so that files that come or are replaced while it is read are
 * read as well; of links in it, which may lead out of it, each on its own. Written: the folder of -o and -w, or the device that they name,
 * and the folder for temporary files.
 */
#include "confine.h"

#include "intake.h"
#include "output.h"
#include "privileges.h"
#include "sandbox.h"
#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/registry.h>
#include <unistd.h>

/* The places are gone through twice: once to be allowed, once with another user's rights to see what these are enough for. */
struct walls {
    struct sandbox *box;    /* NULL the second time */
    struct privileges *who; /* NULL the first time */
};

static void allow(struct walls *w, const char *path, unsigned uses)
{
    if (w->box)
        sandbox_allow(w->box, path, uses);
    if (w->who && uses & SANDBOX_READ)
        privileges_read(w->who, path);
    if (w->who && uses & (SANDBOX_WRITE | SANDBOX_NAMELESS))
        privileges_write(w->who, path, uses & SANDBOX_WRITE);
}

/* ---- inputs ---- */

/* DIR/NAME; allowed, and freed. */
static void allow_in(struct walls *w, const char *folder, const char *name, unsigned uses)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return;
    allow(w, path, uses);
    free(path);
}

static bool is_folder(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What parts and tables are called. Of other links nobody knows why they are there. */
static bool is_ours(const char *name)
{
    static const char *const endings[] = {".part", ".csv"};
    size_t length = strlen(name);
    for (size_t at = 0; at < sizeof endings / sizeof *endings; at++)
        if (length > strlen(endings[at]) && strcmp(name + length - strlen(endings[at]), endings[at]) == 0)
            return true;
    return false;
}

static void allow_links(struct walls *w, const char *folder)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) && is_ours(entry->d_name))
            allow_in(w, folder, entry->d_name, SANDBOX_READ);
    if (listing)
        closedir(listing);
}

/* One of a scan's, or of tables: links to files are read, and its parts may lie elsewhere. */
static void allow_folder(struct walls *w, const char *folder, unsigned uses)
{
    char *parts;
    allow(w, folder, uses);
    allow_links(w, folder);
    if (asprintf(&parts, "%s/parts", folder) < 0)
        return;
    if (is_folder(parts)) {
        allow(w, parts, uses);
        allow_links(w, parts);
    }
    free(parts);
}

/* "old.tar.gz/a.pcap" is read from old.tar.gz. */
static void allow_capture(struct walls *w, const char *name)
{
    struct stat st;
    char *path = strdup(name), *slash;
    while (path && stat(path, &st) != 0 && errno == ENOTDIR && (slash = strrchr(path, '/')))
        *slash = '\0';
    if (path)
        allow(w, path, SANDBOX_READ);
    free(path);
}

/* A file that lies in a folder that was named, and is no link out of it. Among many folders it is not looked for, and allowed by itself. */
static bool lies_in_named(const struct request *req, const char *name)
{
    enum { FOLDERS_MAX = 64 };
    struct stat st;
    for (size_t at = 0; at < req->folder_count && req->folder_count <= FOLDERS_MAX; at++) {
        size_t length = strlen(req->folder[at]);
        if (strncmp(name, req->folder[at], length) == 0 && (name[length] == '/' || name[length - 1] == '/'))
            return lstat(name, &st) == 0 && S_ISREG(st.st_mode);
    }
    return false;
}

static void allow_captures(struct walls *w, const struct request *req)
{
    for (size_t at = 0; at < req->folder_count; at++)
        allow(w, req->folder[at], SANDBOX_READ);
    for (size_t at = 0; at < req->capture_count; at++)
        if (!is_stdin(req->capture[at]) && (w->who || !lies_in_named(req, req->capture[at])))
            allow_capture(w, req->capture[at]);
}

/* Folders of parts, or single ones; the manifest lies beside them or one above (gather.h). */
static void allow_parts(struct walls *w, const struct request *req)
{
    for (size_t at = 0; at < req->capture_count; at++) {
        const char *name = req->capture[at];
        char *folder = is_folder(name) ? strdup(name) : output_folder(name);
        if (is_folder(name))
            allow_folder(w, name, SANDBOX_READ);
        else
            allow(w, name, SANDBOX_READ);
        if (folder) {
            allow_in(w, folder, "manifest.csv", SANDBOX_READ);
            allow_in(w, folder, "../manifest.csv", SANDBOX_READ);
        }
        free(folder);
    }
}

static void allow_tables(struct walls *w, const struct request *req)
{
    for (size_t at = 0; at < req->capture_count; at++)
        if (is_folder(req->capture[at]))
            allow_folder(w, req->capture[at], SANDBOX_READ);
        else
            allow(w, req->capture[at], SANDBOX_READ);
}

/* What a filter's `port http` and `proto ospf` are looked up in, each time it is compiled, and what tells the C library that. The first
 * time loads what it needs for that. */
static void allow_names(struct walls *w, const struct request *req)
{
    static const char *const files[] = {"/etc/services", "/etc/protocols", "/etc/nsswitch.conf"};
    if (!req->filter)
        return;
    for (size_t at = 0; at < sizeof files / sizeof *files; at++)
        allow(w, files[at], SANDBOX_READ);
    tca_filter_compiles(req->filter);
}

/* Kept in a scan's manifest as they are, so they are read once more. */
static void allow_settings(struct walls *w, const struct request *req)
{
    for (size_t at = 0; at < req->given_count; at++)
        if (req->given[at].option == OPTION_sysctl && req->given[at].value[0] == '@')
            allow(w, req->given[at].value + 1, SANDBOX_READ);
}

/* ---- outputs ---- */

static bool makes_folder(const struct request *req)
{
    return req->command == COMMAND_report || req->command == COMMAND_scan || req->command == COMMAND_merge;
}

static void allow_output(struct walls *w, const struct request *req, const char *path)
{
    struct stat st;
    bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    char *folder = special ? NULL : output_folder(path);
    if (req->command == COMMAND_scan) /* which reads its parts and goes on with its journal */
        allow_folder(w, path, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_FOLDERS);
    else if (makes_folder(req) || special)
        allow(w, path, SANDBOX_WRITE);
    else if (folder)
        allow(w, folder, SANDBOX_WRITE);
    if (w->who && !special)
        privileges_replace(w->who, path);
    free(folder);
}

/* What is asked of a scan's folder, and where nothing is written. */
static bool asks_only(const struct request *req)
{
    return request_has(req, OPTION_plan) || request_has(req, OPTION_missing);
}

static void allow_outputs(struct walls *w, const struct request *req)
{
    static const enum option options[] = {OPTION_output, OPTION_write};
    for (size_t at = 0; at < sizeof options / sizeof *options; at++) {
        const char *path = request_value(req, options[at], "-");
        if (!is_stdin(path) && !asks_only(req))
            allow_output(w, req, path);
        else if (!is_stdin(path) && req->command == COMMAND_scan)
            allow_folder(w, path, SANDBOX_READ);
    }
}

static const char *temporary_folder(const struct request *req)
{
    const char *folder = request_value(req, OPTION_temp_dir, getenv("TMPDIR"));
    return folder && *folder ? folder : "/tmp";
}

/* Others keep their files there, too: where its file system has files without names, none can be listed, made or removed. */
static void allow_temporary(struct walls *w, const struct request *req)
{
    const char *folder = temporary_folder(req);
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    allow(w, folder, fd < 0 ? SANDBOX_NAMELESS | SANDBOX_NAMED : SANDBOX_NAMELESS);
    if (fd >= 0)
        close(fd);
}

static struct confined make_folder(const struct request *req, const struct privileges *who)
{
    const char *path = request_value(req, OPTION_output, "-");
    bool wanted = makes_folder(req) && !is_stdin(path) && !asks_only(req);
    privileges_try(who, true); /* so that it is his, if he may */
    bool made = wanted && mkdir(path, 0777) == 0;
    privileges_try(who, false);
    if (wanted && !made)
        made = mkdir(path, 0777) == 0;
    return (struct confined){.made = made ? path : NULL};
}

/* So that it can be removed again. */
static void allow_removal(struct walls *w, const char *made)
{
    char *folder = output_folder(made);
    if (folder)
        allow(w, folder, SANDBOX_GONE);
    free(folder);
}

/* ---- closing ---- */

static void allow_all(struct walls *w, const struct request *req)
{
    static void (*const inputs[COMMAND_COUNT])(struct walls *, const struct request *) = {
        [COMMAND_merge] = allow_parts, [COMMAND_diff] = allow_tables};
    (inputs[req->command] ? inputs[req->command] : allow_captures)(w, req);
    allow_names(w, req);
    allow_settings(w, req);
    allow_outputs(w, req);
    allow_temporary(w, req);
#ifdef TCA_WATCHED_IN /* where sanitizers and coverage write when the program ends */
    allow(w, TCA_WATCHED_IN, SANDBOX_READ | SANDBOX_WRITE);
#endif
}

static void say_force(const struct sandbox_force *force, const struct privileges *who)
{
    char words[400];
    sandbox_words(force, words, sizeof words);
    say("sandbox: keeps from %s", words);
    privileges_words(who, words, sizeof words);
    if (words[0])
        say("sandbox: %s", words);
}

static struct confined close_walls(const struct request *req)
{
    struct sandbox box;
    struct privileges who;
    privileges_begin(&who);
    struct confined confined = make_folder(req, &who);
    sandbox_open(&box);
    struct walls first = {.box = &box}, second = {.who = &who};
    allow_all(&first, req);
    if (confined.made)
        allow_removal(&first, confined.made);
    if (who.root) {
        privileges_try(&who, true);
        allow_all(&second, req);
        privileges_try(&who, false);
    }
    privileges_lower(&who);
    struct sandbox_force force = sandbox_close(&box);
    if (request_has(req, OPTION_verbose))
        say_force(&force, &who);
    return confined;
}

struct confined confine(const struct request *req)
{
    static const struct privileges all = {.root = false};
    if (!request_has(req, OPTION_no_sandbox))
        return close_walls(req);
    if (request_has(req, OPTION_verbose))
        say("sandbox: off");
    return make_folder(req, &all);
}

void confine_end(const struct confined *confined)
{
    if (confined->made)
        rmdir(confined->made); /* not while anything is in it */
}
