/* SPDX-License-Identifier: MIT
 *
 * Names that stand for one file, by its device and inode: it is read once. A folder and a file in it are named together more often
 * than one thinks, and a link `latest` lies beside what it points to; counted twice, a file would be two views of one traffic.
 *
 *      a.pcap  ./a.pcap  link -> a.pcap        a.pcap
 *      a.tar  a.tar/x.pcap  b.tar/x.pcap       a.tar  b.tar/x.pcap     an archive is all of its members
 *
 * The first name stays, but one of the file itself goes before links: by that one its series is known. Standard input, pipes and
 * devices are never the same twice. Names are sorted, so that ten thousand take no longer than as many times one.
 */
#include "plan/piece.h"

#include "base/alloc.h"
#include "capture/input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct named {
    dev_t device;
    ino_t inode;
    const char *member; /* behind the file's name, with the slash; "": the whole file */
    bool link;
    size_t at;
};

/* The file that is meant by the first `length` bytes of the path. */
static bool find_file(const char *path, size_t length, struct stat *ret)
{
    char *copy = tca_alloc(length + 1);
    if (!copy)
        return false;
    memcpy(copy, path, length);
    bool found = !stat(copy, ret) && S_ISREG(ret->st_mode);
    tca_free(copy);
    return found;
}

/* False: what it is does not matter, for it is only itself. */
static bool identify(const char *path, struct named *ret)
{
    struct stat st, link;
    size_t length = strlen(path);
    if (!strcmp(path, "-"))
        return false;
    if (stat(path, &st)) {
        length = tca_input_archive(path);
        if (!length || !find_file(path, length, &st))
            return false;
    }
    if (!S_ISREG(st.st_mode))
        return false;
    ret->device = st.st_dev;
    ret->inode = st.st_ino;
    ret->member = path + length;
    ret->link = !path[length] && !lstat(path, &link) && S_ISLNK(link.st_mode);
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const struct named *one = left, *other = right;
    if (one->device != other->device)
        return one->device < other->device ? -1 : 1;
    if (one->inode != other->inode)
        return one->inode < other->inode ? -1 : 1;
    int members = strcmp(one->member, other->member);
    if (members)
        return members;
    if (one->link != other->link)
        return one->link ? 1 : -1;
    return (one->at > other->at) - (one->at < other->at);
}

/* Strike it out of the list, since `kept` tells it. */
static void strike(struct tca_pieces *pieces, const struct tca_inputs *inputs, const struct named *one,
                   const struct named *kept)
{
    pieces->input[one->at].path = NULL;
    if (!pieces->again++ || one->at < pieces->again_at) {
        pieces->again_at = one->at;
        pieces->again_name = tca_inputs_at(inputs, one->at);
        pieces->again_as = tca_inputs_at(inputs, kept->at);
    }
}

static void strike_all(struct tca_pieces *pieces, const struct tca_inputs *inputs, const struct named *list,
                       size_t count)
{
    const struct named *kept = list;
    for (const struct named *one = list + 1; one < list + count; one++) {
        bool same_file = one->device == kept->device && one->inode == kept->inode;
        if (same_file && (!*kept->member || !strcmp(one->member, kept->member)))
            strike(pieces, inputs, one, kept);
        else
            kept = one;
    }
}

static void close_ranks(struct tca_pieces *pieces)
{
    size_t kept = 0;
    for (size_t at = 0; at < pieces->inputs; at++)
        if (pieces->input[at].path)
            pieces->input[kept++].path = pieces->input[at].path;
    pieces->inputs = kept;
}

int tca_pieces_name(struct tca_pieces *pieces, const struct tca_inputs *inputs)
{
    size_t count = 0, inputs_count = tca_inputs_count(inputs);
    struct named *list = tca_alloc((inputs_count + 1) * sizeof *list);
    pieces->input = tca_alloc((inputs_count + 1) * sizeof *pieces->input);
    if (!list || !pieces->input) {
        tca_free(list);
        return TCA_EMEMORY;
    }
    pieces->inputs = inputs_count;
    for (size_t at = 0; at < inputs_count; at++) {
        pieces->input[at].path = tca_inputs_at(inputs, at);
        list[count].at = at;
        count += identify(pieces->input[at].path, &list[count]);
    }
    qsort(list, count, sizeof *list, compare_names);
    strike_all(pieces, inputs, list, count);
    close_ranks(pieces);
    tca_free(list);
    return TCA_OK;
}
