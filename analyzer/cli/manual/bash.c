/* SPDX-License-Identifier: MIT
 *
 * Completion for bash, of functions and tables of words in `case`. It needs no other package: bash-completion only loads it.
 * Bash splits what is typed at "=" and ":", so that a value may be a word behind "=".
 */
#include "manual.h"

static const char begin[] = //
    "# SPDX-License-Identifier: MIT\n"
    "# bash completion for tcpautopsy, made of the program's tables\n\n";

/* $1: the command, empty where none was typed. */
static const char work[] =
    "# The command that was typed, in _tcpautopsy_typed; empty where none was.\n"
    "_tcpautopsy_command()\n"
    "{\n"
    "    local at skip=''\n"
    "    _tcpautopsy_typed=''\n"
    "    for ((at = 1; at < COMP_CWORD; at++)); do\n"
    "        if [ -n \"$skip\" ]; then\n"
    "            skip=''\n"
    "            [ \"${COMP_WORDS[at]}\" = '=' ] && skip=1\n"
    "        elif [[ ${COMP_WORDS[at]} == -* ]]; then\n"
    "            _tcpautopsy_valued \"${COMP_WORDS[at]}\" && skip=1\n"
    "        elif [[ \" $_tcpautopsy_commands \" == *\" ${COMP_WORDS[at]} \"* ]]; then\n"
    "            _tcpautopsy_typed=${COMP_WORDS[at]}\n"
    "            return\n"
    "        fi\n"
    "    done\n"
    "}\n\n"
    "_tcpautopsy_files()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen \"$1\" -- \"$2\")\n"
    "}\n\n"
    "# _tcpautopsy_list WORDS CURRENT: the last word of a comma list\n"
    "_tcpautopsy_list()\n"
    "{\n"
    "    local before=''\n"
    "    [[ $2 == *,* ]] && before=${2%,*},\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$1\" -- \"${2##*,}\")\n"
    "}\n\n"
    "_tcpautopsy()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} _tcpautopsy_typed\n"
    "    COMPREPLY=()\n"
    "    _tcpautopsy_command\n"
    "    if [ \"$current\" = '=' ]; then\n"
    "        current=''\n"
    "    elif [ \"$before\" = '=' ] && ((COMP_CWORD > 1)); then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if _tcpautopsy_valued \"$before\"; then\n"
    "        _tcpautopsy_value \"$_tcpautopsy_typed\" \"$before\" \"$current\"\n"
    "    elif [[ $current == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_tcpautopsy_options \"$_tcpautopsy_typed\")\" -- "
    "\"$current\")\n"
    "    else\n"
    "        _tcpautopsy_word \"$_tcpautopsy_typed\" \"$current\"\n"
    "    fi\n"
    "}\n"
    "complete -F _tcpautopsy tcpautopsy\n";

static void put_name(const char *name)
{
    printf(" %s", name);
}

static void put_words(const char *variable, void (*names)(manual_name_fn *print))
{
    printf("%s='", variable);
    names(put_name);
    puts(" '");
}

static void put_columns(const char *variable, const char *table)
{
    printf("%s%s='", variable, table ? table : "");
    manual_columns(table, put_name);
    puts(" '");
}

static void put_flags(const char *between, const struct option_info *info)
{
    if (info->letter)
        printf("-%c%s", info->letter, between);
    printf("--%s", info->name);
}

static void put_options(const char *command, unsigned bits)
{
    printf("    %s) echo '", command);
    for (int option = 0; option < OPTION_COUNT; option++)
        if (option_table[option].commands & bits) {
            put_flags(" ", &option_table[option]);
            putchar(' ');
        }
    puts("' ;;");
}

static void put_option_lists(void)
{
    puts("# Options of a command; of none all\n_tcpautopsy_options()\n{\n    case $1 in");
    for (int command = 0; command < COMMAND_COUNT; command++)
        put_options(command_table[command].name, 1u << command);
    put_options("*", ~0u);
    puts("    esac\n}\n");
}

static void put_valued(void)
{
    const char *between = "";
    fputs("# Does a value follow this option?\n_tcpautopsy_valued()\n{\n    case $1 in\n    ", stdout);
    for (int option = 0; option < OPTION_COUNT; option++)
        if (option_table[option].argument) {
            fputs(between, stdout);
            put_flags(" | ", &option_table[option]);
            between = " | ";
        }
    puts(") return 0 ;;\n    esac\n    return 1\n}\n");
}

static void put_value(const struct option_value *value)
{
    const char *words = value->words ? value->words : "";
    switch (value->kind) {
    case VALUE_WORDS:
        printf("mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$3\")", words);
        break;
    case VALUE_FILE:
        printf("_tcpautopsy_files -f \"$3\"");
        break;
    case VALUE_FOLDER:
        printf("_tcpautopsy_files -d \"$3\"");
        break;
    case VALUE_COLUMN:
        printf(
            "local name=_tcpautopsy_columns_$1; _tcpautopsy_list \"${!name-$_tcpautopsy_columns}\" \"$3\"");
        break;
    case VALUE_FINDING:
        printf("_tcpautopsy_list \"%s $_tcpautopsy_findings\" \"$3\"", words);
        break;
    }
}

/* A pattern for each command that takes these values; without a command the one that is taken then. */
static void put_values(void)
{
    puts("# _tcpautopsy_value COMMAND OPTION CURRENT\n_tcpautopsy_value()\n{\n    case ${1:-summary}/$2 in");
    for (size_t at = 0; at < value_count; at++) {
        const struct option_info *info = &option_table[value_table[at].option];
        const char *between = "    ";
        for (int command = 0; command < COMMAND_COUNT; command++) {
            if (!(value_table[at].commands & info->commands & 1u << command))
                continue;
            if (info->letter) {
                printf("%s%s/-%c", between, command_table[command].name, info->letter);
                between = " | ";
            }
            printf("%s%s/--%s", between, command_table[command].name, info->name);
            between = " | ";
        }
        fputs(") ", stdout);
        put_value(&value_table[at]);
        puts(" ;;");
    }
    puts("    esac\n}\n");
}

static void put_first_words(void)
{
    puts("# _tcpautopsy_word COMMAND CURRENT: a word that belongs to no option\n_tcpautopsy_word()\n{\n"
         "    case $1 in\n    '')\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$_tcpautopsy_commands\" -- \"$2\")\n"
         "        _tcpautopsy_files -f \"$2\" ;;");
    for (int command = 0; command < COMMAND_COUNT; command++)
        switch (manual_word((enum command)command)) {
        case WORD_FINDING:
            printf("    %s) _tcpautopsy_list \"$_tcpautopsy_findings\" \"$2\" ;;\n",
                   command_table[command].name);
            break;
        case WORD_TABLE:
            printf("    %s) _tcpautopsy_list \"$_tcpautopsy_tables\" \"$2\" ;;\n",
                   command_table[command].name);
            break;
        case WORD_FOLDER:
            printf("    %s) _tcpautopsy_files -f \"$2\" ;;\n", command_table[command].name);
            break;
        case WORD_SELECTOR:
            printf("    %s)\n        if [ \"${COMP_WORDS[COMP_CWORD - 1]}\" = '%s' ]; then\n"
                   "            compopt -o nospace 2>/dev/null\n"
                   "            mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$2\")\n"
                   "        else\n            _tcpautopsy_files -f \"$2\"\n        fi ;;\n",
                   command_table[command].name, command_table[command].name, MANUAL_SELECTORS);
            break;
        case WORD_CAPTURE:
            break;
        }
    puts("    *) _tcpautopsy_files -f \"$2\" ;;\n    esac\n}\n");
}

void manual_bash(void)
{
    fputs(begin, stdout);
    fputs("_tcpautopsy_commands='", stdout);
    for (int command = 0; command < COMMAND_COUNT; command++)
        put_name(command_table[command].name);
    puts(" '");
    put_words("_tcpautopsy_findings", manual_findings);
    put_words("_tcpautopsy_tables", manual_tables);
    put_columns("_tcpautopsy_columns", NULL);
    for (int command = 0; command < COMMAND_COUNT; command++)
        if (manual_takes((enum command)command, OPTION_column))
            put_columns("_tcpautopsy_columns_", command_table[command].name);
    putchar('\n');
    put_option_lists();
    put_valued();
    put_values();
    put_first_words();
    fputs(work, stdout);
}
