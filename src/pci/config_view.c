#include "pci/config_view.h"

#include <stdarg.h>
#include <stdio.h>

bool config_has(const struct config_view *view, unsigned offset, unsigned bytes)
{
    unsigned room = view->end > view->at ? view->end - view->at : 0;

    return offset <= room && bytes <= room - offset;
}

uint32_t config_get(const struct config_view *view, unsigned offset, unsigned bytes)
{
    uint32_t value = 0;

    if (!config_has(view, offset, bytes))
        return 0;
    for (unsigned i = bytes; i-- > 0;)
        value = value << 8 | view->bytes[view->at + offset + i];
    return value;
}

uint64_t config_get64(const struct config_view *view, unsigned low, unsigned high)
{
    return (uint64_t)config_get(view, high, 4) << 32 | config_get(view, low, 4);
}

static uint32_t line_of(const struct config_view *view, unsigned offset)
{
    unsigned line = (view->at + offset) / view->bytes_per_line;
    unsigned first = view->base / view->bytes_per_line;

    return line > first ? line - first : 0;
}

static struct registers *open_reg(const struct config_view *view, const char *reg)
{
    registers_open(view->registers, str_of(reg));
    return view->registers;
}

void config_put_flag(const struct config_view *view, unsigned offset, const char *reg,
                     const char *name, bool on)
{
    registers_flag(open_reg(view, reg), line_of(view, offset), str_of(name), on);
}

void config_put_number(const struct config_view *view, unsigned offset, const char *reg,
                       const char *name, int64_t number, const char *text)
{
    registers_number(open_reg(view, reg), line_of(view, offset), str_of(name), number,
                     text ? str_of(text) : (struct str){0});
}

void config_put_value(const struct config_view *view, unsigned offset, const char *reg,
                      const char *name, const char *value)
{
    registers_value(open_reg(view, reg), line_of(view, offset), str_of(name), str_of(value));
}

void config_put_text(const struct config_view *view, unsigned offset, const char *reg,
                     const char *name, const char *text)
{
    registers_text(open_reg(view, reg), line_of(view, offset), str_of(name), str_of(text));
}

void config_put_printf(const struct config_view *view, unsigned offset, const char *reg,
                       const char *name, const char *format, ...)
{
    char text[FIELD_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    config_put_value(view, offset, reg, name, text);
}

const char *config_code(const struct config_codes *codes, unsigned value)
{
    if (value < codes->count && codes->names[value])
        return codes->names[value];
    return codes->other ? codes->other : "unknown";
}

/* Codes of the Link Capabilities, Status and Control 2 registers. */
static const char *speed_text(uint32_t code)
{
    static const char *const speeds[] = {
        [1] = "2.5GT/s", [2] = "5GT/s",  [3] = "8GT/s",  [4] = "16GT/s",
        [5] = "32GT/s",  [6] = "64GT/s", [8] = "128GT/s"};

    return code < ARRAY_LEN(speeds) && speeds[code] ? speeds[code] : "unknown";
}

/* What lspci prints for the field, for the rules of the text's parser to turn into a fact. */
static void put_field(const struct config_view *view, uint32_t line,
                      const struct config_field *field, uint32_t value)
{
    char text[FIELD_TEXT_MAX] = "";
    int64_t number = field->map ? field->map(value) : value;

    switch ((enum config_kind)field->kind) {
    case FIELD_FLAG:
    case FIELD_CLEAR:
        registers_flag(view->registers, line, str_of(field->name),
                       (value != 0) == (field->kind == FIELD_FLAG));
        return;
    case FIELD_NUMBER:
        (void)snprintf(text, sizeof(text), "%s%lld%s", field->prefix ? field->prefix : "",
                       (long long)number, field->unit ? field->unit : "");
        break;
    case FIELD_HEX:
        (void)snprintf(text, sizeof(text), "%0*x", field->digits, value);
        break;
    case FIELD_CODE:
        (void)snprintf(text, sizeof(text), "%s", config_code(field->codes, value));
        break;
    case FIELD_SPEED:
        (void)snprintf(text, sizeof(text), "%s", speed_text(value));
        break;
    case FIELD_TEXT:
        field->print(value, text);
        break;
    }
    registers_value(view->registers, line, str_of(field->name), str_of(text));
}

void config_put_reg(const struct config_view *view, const struct config_reg *reg, unsigned shift,
                    const char *name)
{
    unsigned offset = reg->at + shift;
    uint32_t value;

    if (!config_has(view, offset, reg->bytes) || (reg->ports && !(reg->ports & view->ports)))
        return;
    value = config_get(view, offset, reg->bytes);
    (void)open_reg(view, name ? name : reg->name);
    for (unsigned i = 0; i < reg->count; i++) {
        const struct config_field *field = &reg->fields[i];
        uint32_t mask = field->bits >= 32 ? UINT32_MAX : (1u << field->bits) - 1;

        if (!field->ports || (field->ports & view->ports))
            put_field(view, line_of(view, offset), field, value >> field->shift & mask);
    }
}

void config_put_regs(const struct config_view *view, const struct config_reg *regs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        config_put_reg(view, &regs[i], 0, NULL);
}
