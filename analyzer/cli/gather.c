/* SPDX-License-Identifier: MIT
 *
 *     DIR/manifest.csv  DIR/parts/NAME.part    as scan leaves them
 *     DIR/manifest.csv  DIR/NAME.part          as they may be copied together
 */
#include "gather.h"

#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int memory_out(void)
{
    say("memory is out: close other programs");
    return TCA_EMEMORY;
}

/* ---- parts ---- */

/* One that is not as it was written is not there: another one may be, or it has to be made again. */
static int refuse(const char *path, int code, const struct tca_error *error)
{
    say_error(path, error);
    return code == TCA_EINPUT ? 0 : code;
}

static int take(const char *path, bool sound, char **ret_path)
{
    struct tca_error error = {.offset = -1};
    int code = sound ? 0 : tca_part_check(path, &error);
    if (code)
        return refuse(path, code, &error);
    *ret_path = strdup(path);
    return *ret_path ? 0 : memory_out();
}

static int place(struct parts *parts, const char *path, const struct tca_part_about *about)
{
    const struct manifest *m = parts->manifest;
    const char *why = NULL;
    size_t lot;
    if (about->interrupted)
        why = "was stopped before its end";
    else if (!manifest_fits(m, about->label, &lot, &why))
        ;
    else if (about->shares != manifest_parts(m) || !about->share || about->share > about->shares)
        why = "is of a scan in other shards";
    if (why) {
        say("%s: %s: leave it away, or give the parts of one scan", path, why);
        return TCA_EUSAGE;
    }
    char **at = parts_at(parts, lot, about->share);
    return *at ? 0 : take(path, parts->sound, at);
}

int gather_part(struct parts *parts, const char *path)
{
    struct tca_error error = {.offset = -1};
    struct tca_part_about about;
    int code = tca_part_read_about(path, &about, &error);
    return code ? refuse(path, code, &error) : place(parts, path, &about);
}

static int is_part(const struct dirent *entry)
{
    static const char ending[] = ".part";
    size_t length = strlen(entry->d_name);
    return length >= sizeof ending && strcmp(entry->d_name + length - (sizeof ending - 1), ending) == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int gather_folder(struct parts *parts, const char *folder)
{
    struct dirent **entry;
    int count = scandir(folder, &entry, is_part, by_bytes), code = 0;
    if (count < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (count < 0) {
        say_failed(folder, "cannot be read", false);
        return TCA_EINPUT;
    }
    for (int at = 0; at < count; at++) {
        char *path = NULL;
        if (!code && asprintf(&path, "%s/%s", folder, entry[at]->d_name) < 0)
            code = memory_out();
        else if (!code)
            code = gather_part(parts, path);
        free(path);
        free(entry[at]);
    }
    free(entry);
    return code;
}

int gather_directory(struct parts *parts, const char *directory)
{
    char *folder;
    int code = gather_folder(parts, directory);
    if (code)
        return code;
    if (asprintf(&folder, "%s/parts", directory) < 0)
        return memory_out();
    code = gather_folder(parts, folder);
    free(folder);
    return code;
}

/* ---- manifests ---- */

/* In this folder, `up` folders above it. */
static int look_in(const char *folder, size_t length, unsigned up, struct manifest *ret, char **ret_where)
{
    char *path;
    bool there;
    if (asprintf(&path, "%.*s/%smanifest.csv", (int)length, folder, up ? "../" : "") < 0)
        return memory_out();
    int code = manifest_read(path, ret, &there);
    if (!code && there)
        *ret_where = path;
    else
        free(path);
    return code;
}

int gather_manifest(const char *name, struct manifest *ret, char **ret_where)
{
    struct stat st;
    *ret = (struct manifest){0};
    *ret_where = NULL;
    if (stat(name, &st) != 0) {
        say_failed(name, "cannot be read", false);
        return TCA_EINPUT;
    }
    const char *slash = S_ISDIR(st.st_mode) ? name + strlen(name) : strrchr(name, '/');
    const char *folder = slash ? name : ".";
    size_t length = slash ? (size_t)(slash - name) : 1;
    int code = look_in(folder, length, 0, ret, ret_where);
    if (!code && !*ret_where)
        code = look_in(folder, length, 1, ret, ret_where);
    return code;
}
