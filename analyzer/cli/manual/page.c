/* SPDX-License-Identifier: MIT
 *
 * One page of the manual, in mdoc(7). Its words, DESCRIPTION and EXAMPLES, are those of docs/man/NAME.mdoc; what the program's
 * tables know is put where a line of them asks for it:
 *
 *     %options        the options that the page's command takes, of the main page all, by group
 *     %commands       the commands
 *     %exit           the section EXIT STATUS
 *     %columns        all tables, each with its columns
 *     %findings       all findings
 *     %see            the section SEE ALSO
 *
 * NAME and SYNOPSIS come first. A name or text of a table is data: what roff would take for its own is
 * escaped, and a hyphen that is typed stays one.
 */
#include "manual.h"

#include <ctype.h>
#include <string.h>
#include <tcpautopsy/registry.h>

enum { WIDTH = 78 };

struct page {
    const char *name, *section, *meaning; /* meaning: NULL, that of the command */
    int command;                          /* enum command; -1: the page is of none */
};

/* ---- text ---- */

/* A word such as -o, --name or a/-b is typed: its hyphens are not those of a text. */
static void put_word(const char *word, size_t length)
{
    bool typed = word[0] == '-' || memmem(word, length, "--", 2) != NULL;
    for (size_t at = 0; at < length; at++) {
        if (word[at] == '\\')
            fputs("\\e", stdout);
        else if (word[at] == '-' && typed)
            fputs("\\-", stdout);
        else
            putchar(word[at]);
    }
}

static bool ends_sentence(const char *word, size_t length)
{
    return length > 1 && (word[length - 1] == '.' || word[length - 1] == '?') && word[length - 2] != '.';
}

/* A text in lines, each sentence on a new one. It begins with a capital letter, unless its first word is more than a word
 * ("states: ...", "tcp_syn_retries ..."), and ends with a full stop. */
static void put_text(const char *before, const char *text)
{
    int column = printf("%s", before);
    size_t first = strcspn(text, " ");
    size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    bool capital =
        !before[0] && letters && (letters == first || (letters + 1 == first && strchr(",;", text[letters])));
    bool fresh = !before[0];
    while (*text) {
        size_t length = strcspn(text, " ");
        if (!fresh && column + 1 + (int)length > WIDTH) {
            putchar('\n');
            column = 0;
            fresh = true;
        }
        if (!fresh)
            column += printf(" ");
        else if (text[0] == '.' || text[0] == '\'')
            fputs("\\&", stdout);
        if (capital)
            putchar(toupper((unsigned char)text[0]));
        put_word(text + capital, length - capital);
        capital = false;
        fresh = ends_sentence(text, length);
        column = fresh ? 0 : column + (int)length;
        text += length + strspn(text + length, " ");
        if (!*text)
            fputs(fresh ? "\n" : ".\n", stdout);
        else if (fresh)
            putchar('\n');
    }
}

/* An argument of a macro: quoted, so that no word in it is taken for a macro. */
static void put_quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            fputs("\\(dq", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
    putchar('"');
}

static void put_hyphens(const char *name)
{
    for (; *name; name++)
        fputs(*name == '-' ? "\\-" : (char[]){*name, '\0'}, stdout);
}

/* ---- options, commands, exit codes ---- */

static void put_flag(const char *name, const char *argument)
{
    fputs(" Fl ", stdout);
    put_hyphens(name);
    if (argument)
        printf(" Ar %s", argument);
}

static void put_option(const struct option_info *info)
{
    char name[64];
    fputs(".It", stdout);
    if (info->letter) {
        put_flag((char[]){info->letter, '\0'}, info->argument);
        fputs(" ,", stdout);
    }
    snprintf(name, sizeof name, "-%s", info->name);
    put_flag(name, info->argument);
    putchar('\n');
    put_text("", info->meaning);
    if (info->standard)
        put_text("Default:", info->standard);
    if (info->cost)
        put_text("Mind:", info->cost);
}

static bool put_options(const struct page *page)
{
    puts(".Sh OPTIONS");
    for (int group = 0; group < GROUP_COUNT; group++) {
        bool any = false;
        for (int option = 0; option < OPTION_COUNT; option++) {
            const struct option_info *info = &option_table[option];
            if ((int)info->group != group ||
                (page->command >= 0 && !manual_takes((enum command)page->command, (enum option)option)))
                continue;
            if (!any)
                printf(".Ss %s\n.Bl -tag -width Ds\n", group_title[group]);
            any = true;
            put_option(info);
        }
        if (any)
            puts(".El");
    }
    return true;
}

/* "-o DIR CAPTURE..." or "[ID]" as a synopsis: one macro for each word. */
static void put_arguments(const char *arguments)
{
    while (*arguments) {
        size_t length = strcspn(arguments, " ");
        const char *end = arguments + length;
        if (arguments[0] == '[')
            printf(".Op Ar %.*s\n", (int)length - 2, arguments + 1);
        else if (arguments[0] == '-') { /* a letter and its argument */
            size_t more = strcspn(end + 1, " ");
            printf(".Fl %.*s Ar %.*s\n", (int)length - 1, arguments + 1, (int)more, end + 1);
            end += 1 + more;
        } else if (length > 3 && memcmp(end - 3, "...", 3) == 0)
            printf(".Ar %.*s ...\n", (int)length - 3, arguments);
        else
            printf(".Ar %.*s\n", (int)length, arguments);
        arguments = end + strspn(end, " ");
    }
}

static bool put_commands(const struct page *page)
{
    (void)page;
    puts(".Sh COMMANDS\nEach has a page of its own, such as\n.Xr tcpautopsy-flows 1 .\n.Bl -tag -width "
         "listeners");
    for (int command = 0; command < COMMAND_COUNT; command++) {
        printf(".It Cm %s\n", command_table[command].name);
        put_text("", command_table[command].meaning);
    }
    puts(".El");
    return true;
}

static bool put_exit(const struct page *page)
{
    (void)page;
    puts(".Sh EXIT STATUS\n.Bl -tag -width 130");
    for (size_t at = 0; at < exit_count; at++) {
        printf(".It %d\n", exit_table[at].value);
        put_text("", exit_table[at].meaning);
    }
    puts(".El");
    return true;
}

/* ---- the registry ---- */

static void put_heading(const char *macro, const char *name)
{
    printf(".%s ", macro);
    put_quoted(name);
    putchar('\n');
}

static bool put_columns(const struct page *page)
{
    struct tca_column_info column, before = {0};
    (void)page;
    for (size_t at = 0; tca_registry_column(at, &column); at++) {
        if (!before.table || strcmp(before.table, column.table) != 0) {
            if (before.table)
                puts(".El");
            printf(".Sh TABLE ");
            for (const char *letter = column.table; *letter; letter++)
                putchar(toupper((unsigned char)*letter));
            puts("\n.Bl -tag -width Ds");
        }
        printf(".It Va %s Pq %s%s%s\n", column.name, column.type, column.unit[0] ? ", " : "", column.unit);
        put_text("", column.meaning);
        before = column;
    }
    puts(".El");
    return true;
}

static void put_part(const char *title, const char *text)
{
    if (!text || !text[0])
        return;
    printf(".It %s\n", title);
    put_text("", text);
}

static bool put_findings(const struct page *page)
{
    struct tca_finding_info finding;
    (void)page;
    puts(".Sh FINDINGS");
    for (size_t at = 0; tca_registry_finding(at, &finding); at++) {
        put_heading("Ss", finding.id);
        printf("Severity %s, of a %s, told as %s; seen in: %s.\n", finding.severity, finding.scope,
               finding.column, finding.origin);
        puts(".Bl -tag -width Meaning");
        put_part("Meaning", finding.meaning);
        put_part("Proof", finding.proof);
        put_part("Doubt", finding.doubt);
        put_part("Host", finding.host);
        puts(".El");
    }
    return true;
}

/* ---- a page ---- */

static bool page_of(const char *name, struct page *ret)
{
    static const struct page apart[] = {
        {"tcpautopsy", "1", "tell from captures what both TCP state machines and queues were doing", -1},
        {"tables", "5", "tables of tcpautopsy and their columns", -1},
        {"verdicts", "7", "what tcpautopsy can find, how it is proved, what it could be instead", -1}};
    for (size_t at = 0; at < sizeof apart / sizeof apart[0]; at++)
        if (strcmp(apart[at].name, name) == 0) {
            *ret = apart[at];
            return true;
        }
    for (int command = 0; command < COMMAND_COUNT; command++)
        if (strcmp(command_table[command].name, name) == 0) {
            *ret = (struct page){name, "1", command_table[command].meaning, command};
            return true;
        }
    fprintf(stderr, "manual: no page '%s'\n", name);
    return false;
}

static bool is_main(const struct page *page)
{
    return strcmp(page->name, "tcpautopsy") == 0;
}

static void put_synopsis(const struct page *page)
{
    if (page->section[0] != '1')
        return;
    puts(".Sh SYNOPSIS");
    if (is_main(page)) {
        puts(".Nm\n.Op Ar COMMAND\n.Op Ar OPTION ...\n.Ar CAPTURE ...\n"
             ".Nm\n.Op Ar COMMAND\n.Op Ar OPTION ...\n.Fl r Ar CAPTURE ...\n.Op Ar BPF-EXPRESSION");
        return;
    }
    printf(".Nm tcpautopsy %s\n.Op Ar OPTION ...\n", page->name);
    put_arguments(command_table[page->command].arguments);
}

static void put_prologue(const struct page *page, const char *date)
{
    printf(".\\\" SPDX-License-Identifier: MIT\n.Dd %s\n.Dt TCPAUTOPSY", date);
    if (!is_main(page)) {
        putchar('-');
        for (const char *letter = page->name; *letter; letter++)
            putchar(toupper((unsigned char)*letter));
    }
    printf(" %s\n.Os\n.Sh NAME\n.Nm tcpautopsy%s%s\n.Nd ", page->section, is_main(page) ? "" : "-",
           is_main(page) ? "" : page->name);
    put_word(page->meaning, strlen(page->meaning));
    putchar('\n');
    put_synopsis(page);
}

static void put_reference(bool *any, const char *before, const char *name)
{
    printf("%s.Xr %s%s", *any ? " ,\n" : "", before, name);
    *any = true;
}

/* The command that comes next by name; COMMAND_COUNT behind the last. */
static int next_by_name(int last)
{
    int best = COMMAND_COUNT;
    for (int command = 0; command < COMMAND_COUNT; command++) {
        const char *name = command_table[command].name;
        if ((last == COMMAND_COUNT || strcmp(name, command_table[last].name) > 0) &&
            (best == COMMAND_COUNT || strcmp(name, command_table[best].name) < 0))
            best = command;
    }
    return best;
}

static void put_pages_of_commands(bool *any)
{
    char name[64];
    for (int at = next_by_name(COMMAND_COUNT); at != COMMAND_COUNT; at = next_by_name(at)) {
        snprintf(name, sizeof name, "%s 1", command_table[at].name);
        put_reference(any, "tcpautopsy-", name);
    }
}

static bool put_see(const struct page *page)
{
    /* by section, then by name, as such lists are read; `further`: of the main page only */
    static const struct {
        const char *name;
        bool further;
    } also[] = {{"tcpdump 1", true},
                {"tshark 1", true},
                {"tcpautopsy-tables 5", false},
                {"pcap-filter 7", true},
                {"tcpautopsy-verdicts 7", false},
                {"ss 8", true}};
    bool any = false;
    puts(".Sh SEE ALSO");
    if (is_main(page))
        put_pages_of_commands(&any);
    else
        put_reference(&any, "", "tcpautopsy 1");
    for (size_t at = 0; at < sizeof also / sizeof also[0]; at++) {
        bool itself = !is_main(page) && strstr(also[at].name, page->name);
        if (!itself && (is_main(page) || !also[at].further))
            put_reference(&any, "", also[at].name);
    }
    putchar('\n');
    return true;
}

static bool put_asked(const struct page *page, const char *word)
{
    static const struct {
        const char *word;
        bool (*put)(const struct page *page);
    } known[] = {{"%options", put_options}, {"%commands", put_commands}, {"%exit", put_exit},
                 {"%columns", put_columns}, {"%findings", put_findings}, {"%see", put_see}};
    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++)
        if (strcmp(known[at].word, word) == 0)
            return known[at].put(page);
    fprintf(stderr, "manual: page %s asks for '%s'\n", page->name, word);
    return false;
}

bool manual_page(const char *name, const char *date, FILE *words)
{
    struct page page;
    char line[1024];
    if (!page_of(name, &page))
        return false;
    put_prologue(&page, date);
    while (fgets(line, sizeof line, words)) {
        if (line[0] != '%') {
            if (strncmp(line, ".\\\"", 3) != 0) /* a remark is for who writes the words */
                fputs(line, stdout);
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        if (!put_asked(&page, line))
            return false;
    }
    return true;
}
