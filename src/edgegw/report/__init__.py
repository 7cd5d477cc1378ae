"""Reports: figures of a period as a page, a table or JSON.

Owns: words and looks in Chinese and English, plots. Must not know: the store, the site file, how figures come about
(service.indicators_figures).
"""
