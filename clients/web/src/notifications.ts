/** Closes notifications that a service worker shows, for the option closeNotification. */
export function notificationsOf(registration: ServiceWorkerRegistration): (tag: string) => void {
  return (tag) => {
    void registration.getNotifications({ tag }).then((shown) => shown.forEach((each) => each.close()));
  };
}
