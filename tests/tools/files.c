/* SPDX-License-Identifier: MIT
 *
 * Whole files and folders, for tests. Byte order, not the locale's: a list of cases is the same everywhere.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool file_read(const char *path, struct tca_buf *out)
{
    FILE *file = fopen(path, "rb");
    char part[16384];
    size_t got;

    if (!file)
        return false;
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        tca_buf_add(out, part, got);
    bool good = !ferror(file) && !out->failed;
    fclose(file);
    return good;
}

bool file_write(const char *path, const void *bytes, size_t count)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.new", path);

    if (n < 0 || (size_t)n >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return false;
    }
    FILE *file = fopen(temporary, "wb");
    if (!file)
        return false;
    bool good = count == 0 || fwrite(bytes, 1, count, file) == count;
    good = fclose(file) == 0 && good;
    good = good && rename(temporary, path) == 0;
    if (!good)
        unlink(temporary);
    return good;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(struct names *names, const char *name)
{
    char **grown = realloc(names->name, (names->count + 1) * sizeof *grown);

    if (!grown)
        return false;
    names->name = grown;
    names->name[names->count] = strdup(name);
    return names->name[names->count++] != NULL;
}

bool names_list(const char *folder, struct names *ret_names)
{
    struct names names = {0};
    DIR *dir = opendir(folder);
    bool good = true;

    if (!dir)
        return false;
    for (struct dirent *entry; good && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.' && entry->d_name[0] != '_')
            good = add_name(&names, entry->d_name);
    closedir(dir);
    if (!good) {
        names_done(&names);
        return false;
    }
    if (names.count)
        qsort(names.name, names.count, sizeof *names.name, by_bytes);
    *ret_names = names;
    return true;
}

void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    memset(names, 0, sizeof *names);
}
