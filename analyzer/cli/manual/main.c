/* SPDX-License-Identifier: MIT
 *
 *     manual page NAME DATE WORDS.mdoc >NAME.1
 *     manual bash|zsh|fish             >completion
 *
 * Built and run with the program, never installed.
 */
#include "manual.h"

#include <stdio.h>
#include <string.h>

static bool write_page(const char *name, const char *date, const char *path)
{
    FILE *words = fopen(path, "r");
    if (!words) {
        perror(path);
        return false;
    }
    bool good = manual_page(name, date, words);
    fclose(words);
    return good;
}

static bool write_shell(const char *name)
{
    static const struct {
        const char *name;
        void (*write)(void);
    } shells[] = {{"bash", manual_bash}, {"zsh", manual_zsh}, {"fish", manual_fish}};
    for (size_t at = 0; at < sizeof shells / sizeof shells[0]; at++)
        if (strcmp(shells[at].name, name) == 0) {
            shells[at].write();
            return true;
        }
    fprintf(stderr, "manual: no shell '%s'\n", name);
    return false;
}

int main(int argc, char **argv)
{
    bool good = false;
    if (argc == 5 && strcmp(argv[1], "page") == 0)
        good = write_page(argv[2], argv[3], argv[4]);
    else if (argc == 2)
        good = write_shell(argv[1]);
    else
        fputs("usage: manual page NAME DATE WORDS | manual bash|zsh|fish\n", stderr);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        return 1;
    }
    return good ? 0 : 1;
}
