package main

import (
	"context"
	"iter"
	"net/url"
)

// items goes through a list of the API, in its order, and asks for its pages as it comes to them. query holds the filters; nil: none. It
// ends with the first error.
func items[T any](ctx context.Context, o *clientOptions, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		asked := url.Values{"limit": {"200"}}
		for name, v := range query {
			asked[name] = v
		}
		for {
			var page struct {
				Items []T     `json:"items"`
				Next  *string `json:"next"`
			}
			if err := o.ask(ctx, "GET", path+"?"+asked.Encode(), nil, &page); err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == nil {
				return
			}
			asked.Set("cursor", *page.Next)
		}
	}
}

// allItems gives the whole of a list: in JSON [] if it is empty.
func allItems[T any](ctx context.Context, o *clientOptions, path string, query url.Values) ([]T, error) {
	all := []T{}
	for item, err := range items[T](ctx, o, path, query) {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}
