/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
        /* Colours that gnuplot is told and that are replaced: rgb(1, GROUP, NUMBER). */
        GROUP_PAGE = 2,
        GROUP_SERIES = 3,
        PAGE_AXIS = 1,
        PAGE_GRID = 2,
        PAGE_TEXT = 3,
        LETTERS_FROM = 10000,
        SCRIPT_SIZE_MAX = 1 << 22, /* of what gnuplot writes */
};

static const char preamble[] =
        "set terminal svg size 720,400 dynamic noenhanced font 'sans-serif,15' linewidth 1\n"
        "set encoding utf8\n"
        "set border 3 lc rgb '#010201'\n"
        "set grid xtics ytics lc rgb '#010202' lt 1 lw 1, lc rgb '#010202' lt 1 lw 0\n"
        "set xtics nomirror tc rgb '#010203'\n"
        "set ytics nomirror tc rgb '#010203'\n"
        "set key outside top center horizontal Left reverse maxrows 1 samplen 2.2 width 1 tc rgb "
        "'#010203'\n"
        "set lmargin 12\n"
        "set rmargin 3\n"
        "set bars 0.6\n";

bool plot_is_possible(FILE *errors)
{
        if (system("gnuplot --version >/dev/null 2>&1") == 0)
                return true;
        fprintf(errors, "no plots: gnuplot is missing; install the package gnuplot-nox\n");
        return false;
}

/* gnuplot takes the text of a tick for a format. */
static void script_tick(const char *text, double at, FILE *script)
{
        fputc('\'', script);
        for (; *text; text++)
                fputs(*text == '%' ? "%%" : (char[]){*text, '\0'}, script);
        fprintf(script, "' %.15g", at);
}

static void script_ticks(const Plot *plot, FILE *script)
{
        if (plot->n_ticks == 0)
                return;
        fprintf(script, "set xtics (");
        for (unsigned i = 0; i < plot->n_ticks; i++) {
                if (i > 0)
                        fputs(", ", script);
                script_tick(plot->tick_texts[i], plot->ticks[i], script);
        }
        fprintf(script, ")\n");
}

/* The ends of x, with some room, so that no point lies on an axis. */
static void script_range(const Plot *plot, FILE *script)
{
        double from = HUGE_VAL, to = -HUGE_VAL, room;

        for (unsigned s = 0; s < plot->n_series; s++)
                for (unsigned i = 0; i < plot->series[s].n_points; i++) {
                        from = fmin(from, plot->series[s].points[i].x);
                        to = fmax(to, plot->series[s].points[i].x);
                }
        if (from > to)
                return;
        if (plot->is_x_log && from > 0) {
                room = pow(to / from, 0.04);
                room = room > 1 ? room : 2;
                fprintf(script, "set xrange [%.15g:%.15g]\n", from / room, to * room);
        } else {
                room = to > from ? (to - from) * 0.04 : 1;
                fprintf(script, "set xrange [%.15g:%.15g]\n", from - room, to + room);
        }
}

/* Thousands and millions by letters, where there are such. */
static void script_format(const Plot *plot, FILE *script)
{
        double most = 0;

        for (unsigned s = 0; s < plot->n_series; s++)
                for (unsigned i = 0; i < plot->series[s].n_points; i++)
                        most = fmax(most, plot->series[s].points[i].max);
        if (most >= LETTERS_FROM)
                fprintf(script, "set format y '%%.%ds %%c'\n", plot->is_y_log ? 0 : 1);
}

static void script_data(const Plot *plot, FILE *script)
{
        for (unsigned s = 0; s < plot->n_series; s++) {
                const PlotSeries *series = &plot->series[s];

                fprintf(script, "$d%u << EOD\n", s);
                for (unsigned i = 0; i < series->n_points; i++)
                        fprintf(script, "%.15g %.15g %.15g %.15g\n", series->points[i].x,
                                series->points[i].y, series->points[i].min, series->points[i].max);
                fprintf(script, "EOD\n");
        }
}

static void write_script(const Plot *plot, FILE *script)
{
        fputs(preamble, script);
        fprintf(script, "set xlabel '%s' tc rgb '#0102%02x'\n", plot->x_title, PAGE_TEXT);
        fprintf(script, "set ylabel '%s' tc rgb '#0102%02x'\n", plot->y_title, PAGE_TEXT);
        if (plot->is_x_log)
                fputs("set logscale x\n", script);
        if (plot->is_y_log)
                fputs("set logscale y\n", script);
        else
                fputs("set yrange [0:*]\n", script);
        script_ticks(plot, script);
        script_range(plot, script);
        script_format(plot, script);
        script_data(plot, script);
        for (unsigned s = 0; s < plot->n_series; s++)
                fprintf(script,
                        "%s $d%u using 1:2:3:4 with yerrorlines lw 2.4 pt 7 ps 0.65 "
                        "lc rgb '#0103%02x' title '%s'",
                        s == 0 ? "plot" : ",", s, plot->series[s].colour, plot->series[s].name);
        fputc('\n', script);
}

/* "rgb(  1,   2,   3)" of ours at `text`: writes the variable, returns the size of what it is for;
 * 0 if it is something else. */
static size_t replace_colour(const char *text, FILE *file)
{
        static const char *const names[] = {
                [PAGE_AXIS] = "axis", [PAGE_GRID] = "grid", [PAGE_TEXT] = "text"};
        unsigned red, group, number;
        int size = 0;

        if (sscanf(text, "rgb( %u , %u , %u )%n", &red, &group, &number, &size) != 3 || size == 0 ||
            red != 1)
                return 0;
        if (group == GROUP_SERIES)
                fprintf(file, "var(--c%u)", number);
        else if (group == GROUP_PAGE && number >= PAGE_AXIS && number <= PAGE_TEXT)
                fprintf(file, "var(--%s)", names[number]);
        else
                return 0;
        return (size_t)size;
}

/* The element alone, without the prologue and the title that would become a tool tip. */
static int copy_svg(const char *svg, FILE *file)
{
        const char *begin = strstr(svg, "<svg");
        const char *title = begin ? strstr(begin, "<title>") : NULL;
        const char *after = title ? strstr(title, "</desc>") : NULL;

        if (!after || !strstr(after, "</svg>"))
                return -1;
        fwrite(begin, 1, (size_t)(title - begin), file);
        for (const char *at = after + strlen("</desc>"); *at;) {
                size_t size = *at == 'r' ? replace_colour(at, file) : 0;

                if (size == 0)
                        fputc(*at, file);
                at += size > 0 ? size : 1;
        }
        return 0;
}

/* Runs gnuplot from one file to another. */
static int run_gnuplot(int script_fd, int svg_fd)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                if (lseek(script_fd, 0, SEEK_SET) < 0 || dup2(script_fd, STDIN_FILENO) < 0 ||
                    dup2(svg_fd, STDOUT_FILENO) < 0)
                        _exit(126);
                execlp("gnuplot", "gnuplot", NULL);
                _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return -1;
        return status == 0 ? 0 : -1;
}

static int draw(const Plot *plot, int script_fd, int svg_fd, FILE *file)
{
        FILE *script = fdopen(dup(script_fd), "w");
        char *svg = calloc(1, SCRIPT_SIZE_MAX);
        int r = -1;

        if (script && svg) {
                write_script(plot, script);
                r = fflush(script) == 0 ? run_gnuplot(script_fd, svg_fd) : -1;
                if (r == 0 && pread(svg_fd, svg, SCRIPT_SIZE_MAX - 1, 0) > 0)
                        r = copy_svg(svg, file);
        }
        if (script)
                fclose(script);
        free(svg);
        return r;
}

int plot_draw(const Plot *plot, FILE *file)
{
        int script_fd = memfd_create("script", MFD_CLOEXEC);
        int svg_fd = memfd_create("svg", MFD_CLOEXEC);
        int r = script_fd < 0 || svg_fd < 0 ? -1 : draw(plot, script_fd, svg_fd, file);

        if (r < 0)
                fprintf(stderr, "gnuplot could not draw a plot\n");
        if (script_fd >= 0)
                close(script_fd);
        if (svg_fd >= 0)
                close(svg_fd);
        return r;
}
