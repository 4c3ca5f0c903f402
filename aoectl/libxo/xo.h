/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The part of libxo(3) that aoectl uses, for machines without its header.
 * xo.c implements it where there is no libxo either.
 */
#ifndef _AOECTL_XO_H_
#define	_AOECTL_XO_H_

typedef struct xo_handle_s xo_handle_t;
typedef unsigned char xo_style_t;
#define	XO_STYLE_TEXT	0
#define	XO_STYLE_XML	1
#define	XO_STYLE_JSON	2

int	xo_parse_args(int argc, char **argv);
void	xo_set_version(const char *version);
xo_style_t xo_get_style(xo_handle_t *);
long	xo_open_container(const char *name);
long	xo_close_container(const char *name);
long	xo_open_list(const char *name);
long	xo_close_list(const char *name);
long	xo_open_instance(const char *name);
long	xo_close_instance(const char *name);
long	xo_emit(const char *fmt, ...);
long	xo_flush(void);
long	xo_finish(void);
#endif /* _AOECTL_XO_H_ */
