#include "sched/agent_copy.h"

#include "base/file.h"
#include "base/hash.h"
#include "sched/remote.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGENT_BYTES_MAX ((size_t)256 << 20)

/* Its parts: the node's name, the machine's check, the hash, the size, what is done without a copy,
 * what with one, the agent's words. An empty file is run to see whether the folder lets programs
 * run, and filled with zeros to see whether it has the room, as in sched/remote. The key goes to
 * the agent by a pipe, from a builtin: it is in no argv. */
static const char script_head[] =
    "n=%s;s=" REMOTE_SAYS "$n;umask 077;trap \"\" HUP PIPE;"
    "exec 2>&1;trap \"echo \\\"\\$s: ended \\$?\\\"\" EXIT;IFS= read -r k||exit 40;%s"
    "g=agent-%s;a=;t=;w=;u=firstlight-$(id -u);"
    "o(){ [ -d \"$1\" ]&&[ ! -L \"$1\" ]&&[ -O \"$1\" ];};"
    "z(){ [ $(wc -c <\"$1\") -eq %zu ];};"
    "set -- \"${XDG_CACHE_HOME:-${HOME:-/dev/null}/.cache}/firstlight\" /var/tmp/.$u /tmp/.$u "
    "/dev/shm/.$u;"
    "v(){ [ -x \"$1\" ]&&[ -O \"$1\" ]&&z \"$1\"&&\"$1\" --version >/dev/null 2>&1 </dev/null;};"
    "for d do o \"$d\"&&v \"$d/$g\"&&{ a=$d/$g;break;};done;";

/* Hosts that share the folder come here together: the copy of the first stays, for its agent runs.
 */
static const char script_store[] =
    "for d do mkdir -p -m 700 \"$d\" 2>/dev/null;"
    "o \"$d\"||{ w=\"$w, $d is not ours\";continue;};"
    "t=$(mktemp \"$d/.new-XXXXXX\" 2>/dev/null)||{ t=;w=\"$w, $d can not be written\";continue;};"
    "{ chmod 700 \"$t\"&&\"$t\";} 2>/dev/null </dev/null||"
    "{ w=\"$w, $d does not let programs run\";rm -f \"$t\";t=;continue;};"
    "head -c %zu /dev/zero 2>/dev/null >\"$t\"||{ w=\"$w, $d is full\";rm -f \"$t\";t=;continue;};"
    "break;done;"
    "[ -n \"$t\" ]||{ echo \"$s: no space on this host for the agent (%zu KiB)$w\";exit 41;};"
    "head -c %zu >\"$t\";z \"$t\"||"
    "{ rm -f \"$t\";echo \"$s: the agent was cut off on its way here\";exit 42;};"
    "find \"$d\" -name \"agent-*\" -mtime +30 -exec rm -f {} + 2>/dev/null;"
    "{ v \"$d/$g\"&&rm -f \"$t\"||mv -f \"$t\" \"$d/$g\";}&&a=$d/$g||exit 42;";

static const char script_run[] =
    "exec 3<&0 </dev/null;echo \"$s: runs\";"
    "printf \"%%s\\n\" \"$k\"|\"$a\"%s 3<&- & p=$!;k=;"
    "while read -r x <&3;do [ \"$x\" = \"end$n\" ]&&kill -9 $p;done & q=$!;"
    "exec 3<&-;wait $p;r=$?;kill $q 2>/dev/null;exit $r";

/* The rest of stdin is its descriptor 3. */
static const char script_spread[] = "exec 3<&0 </dev/null;echo \"$s: runs\";"
                                    "printf \"%%s\\n\" \"$k\"|\"$a\"%s & p=$!;k=;"
                                    "exec 3<&-;wait $p;exit $?";

int agent_copy_read(const char *path, struct agent_copy *out, struct err *err)
{
    struct hash128 hash;
    int r = file_read(path, AGENT_BYTES_MAX, &out->bytes, &out->len, err);

    if (r < 0)
        return err_wrap(err, r, "the agent");
    hash = hash128(out->bytes, out->len);
    (void)snprintf(out->hash, sizeof(out->hash), "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    return 0;
}

void agent_copy_done(struct agent_copy *copy)
{
    free(copy->bytes);
    copy->bytes = NULL;
}

void agent_copy_keep(const struct agent_copy *copy)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char base[PATH_MAX / 4], folder[PATH_MAX / 2], path[PATH_MAX];
    struct stat there;

    if (!(cache && *cache) && !home)
        return;
    (void)snprintf(base, sizeof(base), "%s%s", cache && *cache ? cache : home,
                   cache && *cache ? "" : "/.cache");
    (void)snprintf(folder, sizeof(folder), "%s/firstlight", base);
    (void)snprintf(path, sizeof(path), "%s/agent-%s", folder, copy->hash);
    if (stat(path, &there) == 0 && (size_t)there.st_size == copy->len)
        return;
    (void)mkdir(base, 0700);
    (void)mkdir(folder, 0700);
    if (file_write(path, copy->bytes, copy->len, NULL) == 0)
        (void)chmod(path, 0700);
}

/* In double quotes of sh nothing may be special; in single ones the whole command stands. */
static bool add_word(struct buf *out, const char *word)
{
    if (strpbrk(word, "\"\\$`'\n\r"))
        return false;
    buf_printf(out, " \"%s\"", word);
    return true;
}

static void add_machine(struct buf *out, const struct agent_copy *copy)
{
    const char *machine = remote_machine(copy->bytes, copy->len);

    if (machine)
        buf_printf(
            out,
            "m=$(uname -m);[ \"$m\" = %s ]||{ echo \"$s: this host is $m, and the agent is for "
            "another machine\";exit 43;};",
            machine);
}

char *agent_copy_command(struct arena *arena, const struct agent_copy *copy, enum copy_mode mode,
                         const char *const *words, bool framed)
{
    struct buf out = {0}, machine = {0}, args = {0};
    char *command = NULL;
    bool ok = true;

    add_machine(&machine, copy);
    for (size_t i = 0; words[i]; i++)
        ok &= add_word(&args, words[i]);
    buf_printf(&out, script_head, framed ? "@${SLURMD_NODENAME:-$(uname -n)}" : "",
               machine.p ? machine.p : "", copy->hash, copy->len);
    if (mode == COPY_PROBE) {
        buf_puts(&out, "[ -n \"$a\" ]||{ echo \"$s: need\";exit 45;};");
    } else {
        buf_puts(&out, "if [ -z \"$a\" ];then ");
        if (mode == COPY_ASKED || mode == COPY_SPREADS)
            buf_puts(&out, "echo \"$s: need\";");
        buf_printf(&out, script_store, copy->len, (copy->len + 1023) / 1024, copy->len);
        if (mode == COPY_FOLLOWS)
            buf_printf(&out, "else head -c %zu >/dev/null;", copy->len);
        buf_puts(&out, "fi;");
    }
    buf_printf(&out, mode == COPY_SPREADS ? script_spread : script_run, args.p ? args.p : "");
    if (ok && !out.failed && !machine.failed && !args.failed)
        command = arena_copy(arena, out.p, out.len);
    buf_done(&out);
    buf_done(&machine);
    buf_done(&args);
    return command;
}

void agent_lines_take(struct agent_lines *lines, struct str bytes,
                      void (*line)(void *data, struct str line), void *data)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.p[i] == '\n') {
            line(data, (struct str){lines->text, lines->len});
            lines->len = 0;
        } else if (lines->len < sizeof(lines->text)) {
            /* A host's words go to our user's terminal. */
            lines->text[lines->len++] =
                (unsigned char)bytes.p[i] < 0x20 || bytes.p[i] == 0x7f ? ' ' : bytes.p[i];
        }
    }
}

enum agent_said agent_line_means(struct str line, struct str *node, struct str *words)
{
    struct str rest = line;
    ptrdiff_t colon;

    *node = (struct str){"", 0};
    *words = line;
    if (!str_starts(rest, REMOTE_SAYS))
        return SAID_WORDS;
    rest = str_skip(rest, strlen(REMOTE_SAYS));
    colon = str_find(rest, ": ");
    if (colon < 0 || (colon > 0 && rest.p[0] != '@'))
        return SAID_WORDS;
    if (colon > 0)
        *node = (struct str){rest.p + 1, (size_t)colon - 1};
    *words = str_skip(rest, (size_t)colon + 2);
    return str_is(*words, "need")         ? SAID_NEED
           : str_is(*words, "runs")       ? SAID_RUNS
           : str_starts(*words, "ended ") ? SAID_ENDED
                                          : SAID_WORDS;
}

void agent_end_sentence(struct str words, char *out, size_t space)
{
    struct str number = str_trim(str_skip(words, strlen("ended ")));
    int64_t status = 0;

    (void)str_to_i64(number, 10, &status);
    if (status == 0)
        (void)snprintf(out, space, "the agent ended");
    else if (status > 128 && status < 128 + 65) /* as sh says it */
        (void)snprintf(out, space, "the agent was killed by signal %d (%s)", (int)status - 128,
                       strsignal((int)status - 128));
    else
        (void)snprintf(out, space, "the agent exited with %d", (int)status);
}
