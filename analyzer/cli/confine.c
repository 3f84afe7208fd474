/* SPDX-License-Identifier: MIT
 *
 *     request -> what is read, what is written -> sandbox.h -> closed
 *
 * Read: captures, parts, tables, as named. A folder is allowed as a whole, so that files that come or are replaced while it is read are
 * read as well; of links in it, which may lead out of it, each on its own. Written: the folder of -o and -w, or the device that they name,
 * and the folder for temporary files.
 */
#include "confine.h"

#include "intake.h"
#include "output.h"
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

/* ---- inputs ---- */

/* DIR/NAME; allowed, and freed. */
static void allow_in(struct sandbox *box, const char *folder, const char *name, unsigned uses)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return;
    sandbox_allow(box, path, uses);
    free(path);
}

static void allow_links(struct sandbox *box, const char *folder, unsigned uses)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN)
            allow_in(box, folder, entry->d_name, uses);
    if (listing)
        closedir(listing);
}

/* One that holds files by itself: a scan's, or tables. */
static void allow_folder(struct sandbox *box, const char *folder, unsigned uses)
{
    char *parts;
    sandbox_allow(box, folder, uses);
    allow_links(box, folder, uses);
    if (asprintf(&parts, "%s/parts", folder) < 0)
        return;
    allow_links(box, parts, uses);
    free(parts);
}

/* "old.tar.gz/a.pcap" is read from old.tar.gz. */
static void allow_capture(struct sandbox *box, const char *name)
{
    struct stat st;
    char *path = strdup(name), *slash;
    while (path && stat(path, &st) != 0 && errno == ENOTDIR && (slash = strrchr(path, '/')))
        *slash = '\0';
    if (path)
        sandbox_allow(box, path, SANDBOX_READ);
    free(path);
}

static bool is_folder(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A file that lies in a folder that was named, and is no link out of it. */
static bool lies_in_named(const struct request *req, const char *name)
{
    struct stat st;
    for (size_t at = 0; at < req->folder_count; at++) {
        size_t length = strlen(req->folder[at]);
        if (strncmp(name, req->folder[at], length) == 0 && (name[length] == '/' || name[length - 1] == '/'))
            return lstat(name, &st) == 0 && S_ISREG(st.st_mode);
    }
    return false;
}

static void allow_captures(struct sandbox *box, const struct request *req)
{
    for (size_t at = 0; at < req->folder_count; at++)
        sandbox_allow(box, req->folder[at], SANDBOX_READ);
    for (size_t at = 0; at < req->capture_count; at++)
        if (!is_stdin(req->capture[at]) && !lies_in_named(req, req->capture[at]))
            allow_capture(box, req->capture[at]);
}

/* Folders of parts, or single ones; the manifest lies beside them or one above (gather.h). */
static void allow_parts(struct sandbox *box, const struct request *req)
{
    for (size_t at = 0; at < req->capture_count; at++) {
        const char *name = req->capture[at];
        char *folder = is_folder(name) ? strdup(name) : output_folder(name);
        if (is_folder(name))
            allow_folder(box, name, SANDBOX_READ);
        else
            sandbox_allow(box, name, SANDBOX_READ);
        if (folder) {
            allow_in(box, folder, "manifest.csv", SANDBOX_READ);
            allow_in(box, folder, "../manifest.csv", SANDBOX_READ);
        }
        free(folder);
    }
}

static void allow_tables(struct sandbox *box, const struct request *req)
{
    for (size_t at = 0; at < req->capture_count; at++)
        if (is_folder(req->capture[at]))
            allow_folder(box, req->capture[at], SANDBOX_READ);
        else
            sandbox_allow(box, req->capture[at], SANDBOX_READ);
}

/* What a filter's `port http` and `proto ospf` are looked up in, each time it is compiled, and what tells the C library that. The first
 * time loads what it needs for that. */
static void allow_names(struct sandbox *box, const struct request *req)
{
    static const char *const files[] = {"/etc/services", "/etc/protocols", "/etc/nsswitch.conf"};
    if (!req->filter)
        return;
    for (size_t at = 0; at < sizeof files / sizeof *files; at++)
        sandbox_allow(box, files[at], SANDBOX_READ);
    tca_filter_compiles(req->filter);
}

/* Kept in a scan's manifest as they are, so they are read once more. */
static void allow_settings(struct sandbox *box, const struct request *req)
{
    for (size_t at = 0; at < req->given_count; at++)
        if (req->given[at].option == OPTION_sysctl && req->given[at].value[0] == '@')
            sandbox_allow(box, req->given[at].value + 1, SANDBOX_READ);
}

/* ---- outputs ---- */

static bool makes_folder(const struct request *req)
{
    return req->command == COMMAND_report || req->command == COMMAND_scan || req->command == COMMAND_merge;
}

static void allow_output(struct sandbox *box, const struct request *req, const char *path)
{
    struct stat st;
    bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    char *folder = special ? NULL : output_folder(path);
    if (req->command == COMMAND_scan) /* which reads its parts and goes on with its journal */
        allow_folder(box, path, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_FOLDERS);
    else if (makes_folder(req) || special)
        sandbox_allow(box, path, SANDBOX_WRITE);
    else if (folder)
        sandbox_allow(box, folder, SANDBOX_WRITE);
    free(folder);
}

static void allow_outputs(struct sandbox *box, const struct request *req)
{
    static const enum option options[] = {OPTION_output, OPTION_write};
    for (size_t at = 0; at < sizeof options / sizeof *options; at++) {
        const char *path = request_value(req, options[at], "-");
        if (!is_stdin(path))
            allow_output(box, req, path);
    }
}

static const char *temporary_folder(const struct request *req)
{
    const char *folder = request_value(req, OPTION_temp_dir, getenv("TMPDIR"));
    return folder && *folder ? folder : "/tmp";
}

/* Others keep their files there, too: where its file system has files without names, none can be listed, made or removed. */
static void allow_temporary(struct sandbox *box, const struct request *req)
{
    const char *folder = temporary_folder(req);
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    sandbox_allow(box, folder, fd < 0 ? SANDBOX_READ | SANDBOX_WRITE : SANDBOX_NAMELESS);
    if (fd >= 0)
        close(fd);
}

static struct confined make_folder(const struct request *req)
{
    const char *path = request_value(req, OPTION_output, "-");
    bool wanted = makes_folder(req) && !is_stdin(path) && !request_has(req, OPTION_plan) &&
                  !request_has(req, OPTION_missing);
    return (struct confined){.made = wanted && mkdir(path, 0777) == 0 ? path : NULL};
}

/* So that it can be removed again. */
static void allow_removal(struct sandbox *box, const char *made)
{
    char *folder = output_folder(made);
    if (folder)
        sandbox_allow(box, folder, SANDBOX_GONE);
    free(folder);
}

/* ---- closing ---- */

static void allow_all(struct sandbox *box, const struct request *req)
{
    static void (*const inputs[COMMAND_COUNT])(struct sandbox *, const struct request *) = {
        [COMMAND_merge] = allow_parts, [COMMAND_diff] = allow_tables};
    (inputs[req->command] ? inputs[req->command] : allow_captures)(box, req);
    allow_names(box, req);
    allow_settings(box, req);
    allow_outputs(box, req);
    allow_temporary(box, req);
}

static void say_force(const struct sandbox_force *force)
{
    char words[160];
    sandbox_words(force, words, sizeof words);
    say("sandbox: keeps from %s", words);
}

struct confined confine(const struct request *req)
{
    struct confined confined = make_folder(req);
    struct sandbox box;
    if (request_has(req, OPTION_no_sandbox)) {
        if (request_has(req, OPTION_verbose))
            say("sandbox: off");
        return confined;
    }
    sandbox_open(&box);
    allow_all(&box, req);
    if (confined.made)
        allow_removal(&box, confined.made);
    struct sandbox_force force = sandbox_close(&box);
    if (request_has(req, OPTION_verbose))
        say_force(&force);
    return confined;
}

void confine_end(const struct confined *confined)
{
    if (confined->made)
        rmdir(confined->made); /* not while anything is in it */
}
