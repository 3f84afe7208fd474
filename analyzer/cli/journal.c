/* SPDX-License-Identifier: MIT
 *
 *     what,first,items,part,bytes,captures,packets,flows,faults,text   written with the line behind it, in one piece
 *     scan,...                                                          version, digests of plan and options
 *     part,12,1,000012-00a1....part,4711,1,120,7,0,dir/b.pcap           appended, one write and one fsync each
 *     tables,...                                                        all is written
 *
 * A line counts when its end is there: what a kill left of one is cut off before the next is appended. A part is on the disk
 * under its name before its line is, so a line never tells of a part that is not there.
 *
 * The lock goes with the process, however it ends. A shard whose task runs twice at the same time, as schedulers do after they lost
 * sight of one, is no error: the second one has a journal of its own, and both make the same parts. Some file systems of clusters have
 * no locks (Lustre mounted without them says ENOSYS, NFS without its lock daemon ENOLCK): there both write to one journal, which may
 * then hold its first lines again, or lose some. No table depends on that: parts tell themselves whose they are.
 */
#include "journal.h"

#include "cells.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CELLS = 10, TWINS_MAX = 9 };
enum { WHAT, FIRST, ITEMS, PART, BYTES, CAPTURES, PACKETS, FLOWS, FAULTS, TEXT };

static const char head[] = "what,first,items,part,bytes,captures,packets,flows,faults,text\n";

static int failed(const struct journal *j, const char *what)
{
    say_failed(j->path, what, true);
    return TCA_EOUTPUT;
}

/* ---- reading ---- */

static void scan_line(const struct manifest *m, FILE *to)
{
    fprintf(to, "scan,,,,,,,,,version %s plan %s options %s\n", m->version, m->plan, m->options);
}

static bool is_head(const char *line)
{
    return strncmp(line, head, sizeof head - 2) == 0 && line[sizeof head - 2] == '\0';
}

static bool take_line(struct journal *j, const struct manifest *m, char *line, size_t number)
{
    char *cell[CELLS], ours[256];
    if (number == 0 || is_head(line))
        return is_head(line);
    if (cells_cut(line, cell, CELLS) != CELLS)
        return false;
    if (number == 1 || strcmp(cell[WHAT], "scan") == 0) {
        snprintf(ours, sizeof ours, "version %s plan %s options %s", m->version, m->plan, m->options);
        return strcmp(cell[WHAT], "scan") == 0 && strcmp(cell[TEXT], ours) == 0;
    }
    if (strcmp(cell[WHAT], "part") == 0) { /* whether it is there, and whose it is, it tells itself */
        uint64_t faults;
        bool good = cell_count(cell[FAULTS], &faults);
        j->read_faults += good ? faults : 0;
        return good;
    }
    if (strcmp(cell[WHAT], "tables") != 0 || !cell_count(cell[FAULTS], &j->faults))
        return false;
    j->tables = true;
    free(j->told);
    j->told = strdup(cell[TEXT]);
    return j->told != NULL;
}

/* All whole lines; *ret_size: where the last of them ends, 0 unless there are two at least. */
static int read_lines(struct journal *j, const struct manifest *m, off_t *ret_size)
{
    char *line = NULL;
    size_t size = 0, number = 0;
    off_t end = 0;
    int copy = dup(j->file);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
    bool good = file != NULL;
    errno = file ? 0 : errno;
    for (ssize_t got; good && (got = getline(&line, &size, file)) > 0 && line[got - 1] == '\n'; number++) {
        line[got - 1] = '\0';
        good = strlen(line) + 1 == (size_t)got && take_line(j, m, line, number);
        end += got;
    }
    bool memory_out = errno == ENOMEM, unread = file && ferror(file);
    int reason = errno;
    good = good && !unread && !memory_out;
    free(line);
    if (file)
        fclose(file);
    if (memory_out)
        say("memory is out: close other programs");
    else if (unread)
        say("%s: cannot be read: %s", j->path, strerror(reason));
    else if (!good)
        say("%s: is of another scan, or damaged in line %zu: name another directory", j->path, number);
    *ret_size = number > 1 ? end : 0;
    return good ? 0 : memory_out ? TCA_EMEMORY : TCA_EUSAGE;
}

/* ---- writing ---- */

/* Once a line is written in part nothing may stand behind it. */
static int append(struct journal *j, const char *text, size_t length)
{
    if (j->torn)
        return TCA_EOUTPUT;
    for (size_t at = 0; at < length;) {
        ssize_t got = write(j->file, text + at, length - at);
        j->torn = got < 0 && errno != EINTR;
        if (j->torn)
            return failed(j, "cannot be written");
        at += got < 0 ? 0 : (size_t)got;
    }
    return TEMP_FAILURE_RETRY(fsync(j->file)) && errno != EINVAL ? failed(j, "cannot be written") : 0;
}

/* A line that was put together in memory. */
static int append_stream(struct journal *j, FILE *stream, char *const *text, const size_t *length)
{
    bool good = stream && !ferror(stream);
    if (stream && fclose(stream))
        good = false;
    int code = good ? append(j, *text, *length) : TCA_EMEMORY;
    if (!good)
        say("memory is out: close other programs");
    free(*text);
    return code;
}

static int begin(struct journal *j, const struct manifest *m)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (stream) {
        fputs(head, stream);
        scan_line(m, stream);
    }
    return append_stream(j, stream, &text, &length);
}

int journal_lot(struct journal *j, const struct manifest *m, const struct journal_lot *one)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (stream) {
        const struct manifest_lot *lot = &m->lot[one->lot];
        fprintf(stream, "part,%zu,%zu", lot->first + 1, lot->count);
        cell_put(stream, false, one->part);
        cell_put_count(stream, one->bytes);
        cell_put_count(stream, one->captures);
        cell_put_count(stream, one->packets);
        cell_put_count(stream, one->flows);
        cell_put_count(stream, one->faults);
        cell_put(stream, false, m->item[lot->first].name);
        putc('\n', stream);
    }
    return append_stream(j, stream, &text, &length);
}

int journal_tables(struct journal *j, uint64_t captures, uint64_t faults, const char *told)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (stream) {
        fputs("tables,,,,", stream);
        cell_put_count(stream, captures);
        fputs(",,", stream);
        cell_put_count(stream, faults);
        cell_put(stream, false, told);
        putc('\n', stream);
    }
    return append_stream(j, stream, &text, &length);
}

/* ---- opening ---- */

/* journal.csv, journal-3-of-7.csv, journal-3-of-7.2.csv. */
static char *path_of(const char *directory, const struct shares *shares, unsigned twin)
{
    char name[64] = "journal", *path = NULL;
    int used = 7;
    if (shares->asked)
        used += snprintf(name + used, sizeof name - (size_t)used, "-%u-of-%u", shares->share, shares->count);
    if (twin > 1)
        snprintf(name + used, sizeof name - (size_t)used, ".%u", twin);
    return asprintf(&path, "%s/%s.csv", directory, name) < 0 ? NULL : path;
}

static bool has_no_locks(int error)
{
    return error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK;
}

/* 1 where another process has it. */
static int open_locked(struct journal *j, bool resume)
{
    struct stat st;
    j->file = (int)TEMP_FAILURE_RETRY(open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (j->file < 0)
        return failed(j, "cannot be written");
    if (fstat(j->file, &st) != 0 || !S_ISREG(st.st_mode)) {
        say("%s: is no file: name another directory", j->path);
        return TCA_EOUTPUT;
    }
    if (TEMP_FAILURE_RETRY(flock(j->file, LOCK_EX | LOCK_NB)) != 0 && !has_no_locks(errno))
        return errno == EWOULDBLOCK ? 1 : failed(j, "cannot be locked");
    if (fstat(j->file, &st) == 0 && st.st_size && !resume) { /* as it is now that it is ours */
        say("%s: a scan was begun here: go on with --resume, or name another directory", j->path);
        return TCA_EUSAGE;
    }
    return 0;
}

static int open_any(struct journal *j, const char *directory, const struct shares *shares, bool resume)
{
    unsigned twins = shares->asked && resume ? TWINS_MAX : 1;
    int code = 1;
    for (unsigned twin = 1; twin <= twins && code == 1; twin++) {
        journal_close(j);
        j->path = path_of(directory, shares, twin);
        if (!j->path) {
            say("memory is out: close other programs");
            return TCA_EMEMORY;
        }
        code = open_locked(j, resume);
    }
    if (code == 1) {
        say("%s: another scan is writing here: wait for it, or name another directory", j->path);
        code = TCA_EUSAGE;
    }
    return code;
}

int journal_open(struct journal *j, const char *directory, const struct manifest *m,
                 const struct shares *shares, bool resume)
{
    off_t size = 0;
    *j = (struct journal){.file = -1};
    int code = open_any(j, directory, shares, resume);
    if (!code)
        code = read_lines(j, m, &size);
    if (!code && TEMP_FAILURE_RETRY(ftruncate(j->file, size)) != 0)
        code = failed(j, "cannot be written");
    if (!code && !size)
        code = begin(j, m);
    return code;
}

void journal_close(struct journal *j)
{
    if (j->file >= 0)
        close(j->file);
    free(j->path);
    free(j->told);
    *j = (struct journal){.file = -1};
}
