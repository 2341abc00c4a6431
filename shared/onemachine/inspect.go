package onemachine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"postern/shared/keys/file"
	"postern/shared/sigv4"
	"postern/shared/store/bolt"
)

// Finding is what Inspect found of one thing.
type Finding struct {
	What string // "data folder", "store", "key file", "signing key", "admin credentials"
	// Wrong: it does not work like that. Odd: it works, and should be looked at.
	Wrong, Odd bool
	Found      string
	Do         string // what to do about it; empty if all is well
}

// Inspect looks at the folder that `postern serve` keeps everything in, also while it runs, and changes nothing. keyFile empty: data/keys.
func Inspect(data, keyFile string) []Finding {
	info, err := os.Stat(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{{What: "data folder", Wrong: true, Found: data + " is not there", Do: "name the right folder with --data, or make it with postern init"}}
	case err != nil:
		return []Finding{{What: "data folder", Wrong: true, Found: err.Error(), Do: "run this as the user that runs postern serve"}}
	case !info.IsDir():
		return []Finding{{What: "data folder", Wrong: true, Found: data + " is no folder", Do: "name the right folder with --data"}}
	}
	folder := Finding{What: "data folder", Found: data}
	if info.Mode().Perm()&0o077 != 0 {
		folder.Odd, folder.Found, folder.Do = true, fmt.Sprintf("%s is open to others (%s)", data, info.Mode().Perm()), "chmod 700 "+data
	}
	if keyFile == "" {
		keyFile = filepath.Join(data, keysFile)
	}
	store, used := inspectStore(filepath.Join(data, storeFile))
	return []Finding{folder, store, inspectKeys(keyFile, used), inspectSigner(keyFile+signingSuffix, used), inspectCredentials(filepath.Join(data, credentialsFile))}
}

// inspectStore looks at the store. used: there are accounts in it, or it cannot be told.
func inspectStore(path string) (f Finding, used bool) {
	f.What = "store"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		f.Odd, f.Found, f.Do = true, "there is none yet", "make the first account with postern init"
		return f, false
	}
	st, err := bolt.OpenToRead(path)
	if errors.Is(err, bolt.ErrLocked) {
		f.Found = "in use by a server that runs"
		return f, true
	}
	if err == nil {
		used, err = hasAccounts(st)
		err = errors.Join(err, st.Close())
	}
	switch {
	case err != nil:
		f.Wrong, f.Found, f.Do = true, err.Error(), "run this as the user that runs postern serve; if the file is damaged, put back a backup"
		return f, true
	case !used:
		f.Odd, f.Found, f.Do = true, "it opens, and there is no account in it", "make the first account with postern init"
	default:
		f.Found = "it opens, and there are accounts in it"
	}
	return f, used
}

func inspectKeys(path string, used bool) Finding {
	f := Finding{What: "key file", Found: path}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		f.Found = path + " is not there"
		if used {
			f.Wrong, f.Do = true, "put it back, or say with --key-file where it is: without it the store cannot be read"
		} else {
			f.Odd, f.Do = true, "nothing: it is made with the first account"
		}
		return f
	}
	if _, err := file.Open(path, rand.Reader); err != nil {
		f.Wrong, f.Found, f.Do = true, err.Error(), "chmod 600 "+path+", as the user that runs postern serve; if it is damaged, put back a copy"
	}
	return f
}

func inspectSigner(path string, used bool) Finding {
	f := Finding{What: "signing key", Found: path}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		f.Found = path + " is not there"
		f.Odd, f.Do = true, "nothing: it is made when the log is first sealed"
		if used {
			f.Do = "put it back if the log was sealed before; otherwise it is made when the log is first sealed"
		}
		return f
	}
	if _, err := file.OpenSigner(path); err != nil {
		f.Wrong, f.Found, f.Do = true, err.Error(), "chmod 600 "+path+", as the user that runs postern serve; if it is damaged, put back a copy"
	}
	return f
}

func inspectCredentials(path string) Finding {
	f := Finding{What: "admin credentials", Found: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Odd, f.Found, f.Do = true, path+" is not there", "nothing: postern serve makes it when it starts"
		return f
	case err == nil:
		_, err = sigv4.LoadCredentials(path)
	}
	switch {
	case err != nil:
		f.Wrong, f.Found, f.Do = true, err.Error(), "run this as the user that runs postern serve; if it is damaged, remove it and start the server again"
	case info.Mode().Perm()&0o077 != 0:
		f.Wrong, f.Found = true, fmt.Sprintf("%s can be read by others (%s): whoever reads it may administer", path, info.Mode().Perm())
		f.Do = "chmod 600 " + path + "; if somebody may have read it, remove it and start the server again"
	}
	return f
}
