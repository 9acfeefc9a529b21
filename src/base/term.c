#include "base/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool term_has_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return !(no_color && *no_color) && isatty(fileno(stream)) && !(term && !strcmp(term, "dumb"));
}

int term_columns(FILE *stream)
{
    struct winsize size;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 100;
    return size.ws_col < 40 ? 40 : size.ws_col;
}

void term_write(FILE *stream, const char *text, size_t len)
{
    bool is_terminal = isatty(fileno(stream));

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool controls = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;

        (void)fputc(is_terminal && controls ? '?' : byte, stream);
    }
}
